/** How each runtime learns to trust the certificate authority, and forgets it again. Pure. */

export interface Runtime {
  id: string;
  name: string;
  /** Why it needs a step of its own. */
  note: string;
  install: string;
  remove: string;
}

/** Where the certificate is kept on machines that need it as a file. */
const UNIX_PATH = "/usr/local/share/ca-certificates/nanogate.crt";

/** One entry for each runtime. `origin` is where this page is open. */
export function runtimes(origin: string): Runtime[] {
  return [...systems(origin), ...languages(), ...browsers(origin)];
}

/** Fetching it the first time, when nothing trusts this page yet: so the fingerprint is compared before it is used. */
export function fetching(origin: string): string {
  return [
    `curl -ko nanogate.pem ${origin}/ca/nanogate.pem`,
    "openssl x509 -in nanogate.pem -noout -fingerprint -sha256",
  ].join("\n");
}

function systems(origin: string): Runtime[] {
  return [
    {
      id: "debian",
      name: "Debian, Ubuntu",
      note: "The system store: curl, wget, git, Go and most packaged programs read it.",
      install: `sudo cp nanogate.pem ${UNIX_PATH}\nsudo update-ca-certificates`,
      remove: `sudo rm ${UNIX_PATH}\nsudo update-ca-certificates --fresh`,
    },
    {
      id: "macos",
      name: "macOS",
      note: "The system keychain: Safari, Chrome and native programs read it.",
      install:
        "sudo security add-trusted-cert -d -r trustRoot \\\n  -k /Library/Keychains/System.keychain nanogate.pem",
      remove: "sudo security remove-trusted-cert -d nanogate.pem",
    },
    {
      id: "windows",
      name: "Windows",
      note: "In a PowerShell opened as administrator. Edge, Chrome and .NET read this store.",
      install: `Import-Certificate -FilePath nanogate.crt \`\n  -CertStoreLocation Cert:\\LocalMachine\\Root`,
      remove: `Get-ChildItem Cert:\\LocalMachine\\Root |\n  Where-Object Subject -like "*Nano-Gate*" | Remove-Item`,
    },
    {
      id: "apple",
      name: "iPhone, iPad",
      note: "Open the address in Safari and install the profile. Then switch it on in Settings → General → About → Certificate Trust Settings.",
      install: `${origin}/ca/nanogate.mobileconfig`,
      remove: "Settings → General → VPN & Device Management → Nano-Gate → Remove Profile",
    },
    {
      id: "android",
      name: "Android",
      note: "Open the address, then Settings → Security → Encryption & credentials → Install a certificate → CA certificate. Many apps trust only Android's own list and would refuse the connection: leave such devices watched.",
      install: `${origin}/ca/nanogate.crt`,
      remove: "Settings → Security → Encryption & credentials → User credentials → Nano-Gate → Remove",
    },
  ];
}

function languages(): Runtime[] {
  return [
    {
      id: "node",
      name: "Node.js",
      note: "Node brings its own list; this adds to it. Put the line where the program is started.",
      install: `export NODE_EXTRA_CA_CERTS=${UNIX_PATH}`,
      remove: "unset NODE_EXTRA_CA_CERTS",
    },
    {
      id: "python",
      name: "Python",
      note: "requests and httpx bring certifi's list; point both at the system's, which has ours after the step above.",
      install:
        "export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt\nexport REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt",
      remove: "unset SSL_CERT_FILE REQUESTS_CA_BUNDLE",
    },
    {
      id: "java",
      name: "Java",
      note: "Java keeps its own store, one for each installation.",
      install: "sudo keytool -importcert -cacerts -storepass changeit -noprompt \\\n  -alias nanogate -file nanogate.pem",
      remove: "sudo keytool -delete -cacerts -storepass changeit -alias nanogate",
    },
    {
      id: "go",
      name: "Go",
      note: "Go reads the system store. Where there is none, as in a bare container, name the file.",
      install: `export SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt`,
      remove: "unset SSL_CERT_FILE",
    },
    {
      id: "curl",
      name: "curl",
      note: "Reads the system store; one call can name the file instead.",
      install: "curl --cacert nanogate.pem https://api.openai.com/v1/models",
      remove: "# Nothing to undo: it was for this one call.",
    },
  ];
}

function browsers(origin: string): Runtime[] {
  return [
    {
      id: "firefox",
      name: "Firefox",
      note: "Firefox has its own list. This policy makes it read the system's; or import by hand in Settings → Privacy & Security → View Certificates → Authorities.",
      install: `# ${origin}/ca/nanogate.pem, by hand, or:\nsudo mkdir -p /etc/firefox/policies\necho '{"policies":{"Certificates":{"ImportEnterpriseRoots":true}}}' |\n  sudo tee /etc/firefox/policies/policies.json`,
      remove: "sudo rm /etc/firefox/policies/policies.json",
    },
  ];
}
