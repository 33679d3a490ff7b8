"""Secrets known by what stands around them: each type with carriers of its own."""

from . import encode
from .passwords import WORDS, password, plain

HOSTS = [
    "db.corp.example",
    "10.20.4.7",
    "pg-main.internal",
    "cache-01.prod.example",
    "localhost",
    "mq.eu.example",
    "shop.rds.eu-west-1.example",
]
USERS = ["app", "reporting", "svc_billing", "root", "etl", "deploy", "webshop", "m.keller"]
NAMES = ["orders", "crm", "warehouse", "billing", "analytics"]


def place(draw):
    return {"h": draw.choice(HOSTS), "u": draw.choice(USERS), "d": draw.choice(NAMES), "n": draw.randint(2, 99)}


def taken(templates, turn):
    """Each in its turn, so that none is left out by chance."""
    return templates[turn % len(templates)]


def forms(*templates, value=password):
    """A type whose carriers differ only in their words."""

    def make(draw, turn):
        secret = value(draw)
        return taken(templates, turn).format(**place(draw)).replace("§", secret), secret

    return make


def url(scheme, port):
    return forms(
        f"DATABASE_URL={scheme}://{{u}}:§@{{h}}:{port}/{{d}}\n",
        f'engine = create_engine("{scheme}://{{u}}:§@{{h}}/{{d}}")',
        f'{{{{"url": "{scheme}://{{u}}:§@{{h}}:{port}/{{d}}?pool={{n}}"}}}}',
        f"we connect with {scheme}://{{u}}:§@{{h}}:{port} and it times out",
        f"broker:\n  url: '{scheme}://{{u}}:§@{{h}}:{port}'\n  workers: {{n}}",
        f"ERROR cannot reach {scheme}://{{u}}:§@{{h}}:{port}/{{d}}: connection refused",
        f'<connection uri="{scheme}://{{u}}:§@{{h}}/{{d}}"/>',
        value=plain,
    )


def base64_pair(draw):
    return encode.base64std(f"{draw.choice(USERS)}:{password(draw)}")


def base32(draw):
    return draw.chars("t", draw.choice([16, 26, 32]))


def opaque(draw):
    return draw.chars(draw.choice("aw"), draw.randint(26, 64))


def account_key(draw):
    return encode.base64std(draw.raw(64))


def bus_key(draw):
    return encode.base64std(draw.raw(32))


def crypt_hash(draw):
    salt, letters = draw.chars("a", 16), "./" + "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

    def body(count):
        return "".join(draw.choice(letters) for _ in range(count))

    return draw.choice(
        [f"$6${salt}${body(86)}", f"$5${salt}${body(43)}", f"$1${salt[:8]}${body(22)}", f"$y$j9T${body(22)}${body(43)}"]
    )


def bcrypt(draw):
    letters = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return f"${draw.choice(['2a', '2b', '2y'])}${draw.randint(10, 12)}$" + "".join(
        draw.choice(letters) for _ in range(53)
    )


def secret_manifest(draw, turn):
    value = encode.base64std(password(draw))
    key = draw.choice(["password", "db-password", "api-token", "client-secret"])
    text = taken(
        [
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: {d}\ntype: Opaque\ndata:\n  {k}: §\n",
            "apiVersion: v1\ndata:\n  username: YWRtaW4=\n  {k}: §\nkind: Secret\nmetadata:\n  name: {d}-creds\n",
            '---\nkind: Secret\napiVersion: v1\nmetadata:\n  namespace: {d}\n  name: creds\ndata:\n  {k}: "§"\n',
            '{{"apiVersion":"v1","kind":"Secret","metadata":{{"name":"{d}"}},"data":{{"{k}":"§"}}}}',
            "# kubectl get secret {d} -o yaml\napiVersion: v1\nkind: Secret\ndata:\n    {k}: §\n    region: ZXU=\n",
        ],
        turn,
    )
    return text.format(k=key, **place(draw)).replace("§", value), value


def sas(draw, turn):
    signature = encode.base64std(draw.raw(32)).replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    text = taken(
        [
            "https://{d}store.blob.core.windows.net/reports/q{n}.csv?sv=2023-11-03&ss=b&srt=o&sp=r&se=2027-01-31T00:00:00Z&sig=§",
            "azcopy copy 'https://{d}.blob.core.windows.net/in?sp=racw&st=2026-01-01T00:00:00Z&se=2026-12-31T00:00:00Z&spr=https&sv=2022-11-02&sr=c&sig=§' .",
            "SAS_TOKEN=sv=2021-06-08&ss=bfqt&srt=sco&sp=rwdlacup&se=2027-05-01T10:00:00Z&sig=§",
            "the upload link is https://{d}.file.core.windows.net/share/a.txt?se=2027-01-01&sp=rl&sv=2022-11-02&sr=f&sig=§ until New Year",
            '{{"sasUri":"https://{d}.queue.core.windows.net/q?sv=2023-01-03&se=2027-02-02T02:02:02Z&sp=raup&sig=§"}}',
        ],
        turn,
    )
    return text.format(**place(draw)).replace("§", signature), signature


def wifi(draw):
    return draw.choice(
        [
            lambda: draw.choice(WORDS) + draw.chars("d", 6),
            lambda: draw.chars("a", draw.randint(10, 24)),
            lambda: password(draw),
        ]
    )()


CREDENTIALS = {
    "postgres_url_password": url("postgresql", 5432),
    "mysql_url_password": url("mysql", 3306),
    "mongodb_url_password": url("mongodb+srv", 27017),
    "amqp_url_password": url("amqps", 5671),
    "https_url_password": url("https", 8443),
    "redis_url_password": forms(
        "REDIS_URL=redis://:§@{h}:6379/{n}\n",
        'redis.from_url("rediss://default:§@{h}:6380")',
        "cache:\n  dsn: redis://:§@{h}\n",
        '{{"redis":"redis://{u}:§@{h}:6379"}}',
        "redis-cli -u redis://{u}:§@{h}:6379 ping",
        value=plain,
    ),
    "mssql_conn_password": forms(
        "Server=tcp:{h},1433;Database={d};User ID={u};Password=§;Encrypt=True;",
        '"ConnectionStrings": {{ "Main": "Data Source={h};Initial Catalog={d};uid={u};pwd=§" }}',
        "Driver={{ODBC Driver 18 for SQL Server}};Server={h};Uid={u};Pwd=§;TrustServerCertificate=yes",
        'conn = "Host={h};Username={u};Password=§;Database={d}"',
        '<add name="{d}" connectionString="Server={h};User Id={u};Password=§;" />',
        value=plain,
    ),
    "jdbc_url_password": forms(
        "jdbc:postgresql://{h}:5432/{d}?user={u}&password=§",
        "spring.datasource.url=jdbc:mysql://{h}/{d}?user={u}&password=§&useSSL=true",
        '<property name="url" value="jdbc:mariadb://{h}/{d}?user={u}&amp;password=§"/>',
        'DriverManager.getConnection("jdbc:sqlserver://{h};user={u};password=§;databaseName={d}")',
        "the pool says jdbc:db2://{h}:50000/{d}:user={u};password=§; failed",
        value=plain,
    ),
    "curl_user_password": forms(
        "curl -u {u}:§ https://{h}/api/{d}",
        "curl --user '{u}:§' -X POST https://{h}/{d} -d @body.json",
        'curl -sS -u "{u}:§" https://{h}/metrics | head -{n}',
        "wget --user={u} --password='§' https://{h}/{d}.tar.gz",
        "http -a {u}:§ GET https://{h}/{d}",
        value=plain,
    ),
    "netrc_password": forms(
        "machine {h} login {u} password §",
        "machine {h}\n\tlogin {u}\n\tpassword §\n",
        "default login {u} password §\n",
        "# ~/.netrc\nmachine git.example\nlogin {u}\npassword §\nmachine b.example login x",
        "cat > ~/.netrc <<EOF\nmachine {h} login {u} password §\nEOF",
        value=plain,
    ),
    "pgpass_password": forms(
        "{h}:5432:{d}:{u}:§\n",
        "# .pgpass\n{h}:6432:*:{u}:§",
        "*:*:*:{u}:§",
        "echo '{h}:5432:{d}:{u}:§' >> ~/.pgpass",
        "~/.pgpass:\n10.0.0.{n}:5432:{d}:{u}:§\n\nis the mode 0600 needed?",
        value=plain,
    ),
    "npmrc_authtoken": forms(
        "//registry.example/:_authToken=§\n",
        "@acme:registry=https://npm.example/\n//npm.example/:_authToken=§\nalways-auth=true",
        "npm config set //npm.example/:_authToken §",
        'echo "//registry.corp.example/:_authToken=§" > .npmrc',
        '//npm.pkg.example/api/npm/:_authToken="§"',
        value=opaque,
    ),
    "docker_config_auth": forms(
        '{{"auths":{{"registry.example":{{"auth":"§"}}}}}}',
        '{{\n  "auths": {{\n    "https://index.docker.io/v1/": {{\n      "auth": "§"\n    }}\n  }}\n}}',
        'cat ~/.docker/config.json\n{{ "auths": {{ "ghcr.example": {{ "auth": "§", "email": "" }} }} }}',
        '"auths": {{"{h}:5000": {{"auth": "§"}}}}',
        'DOCKER_AUTH_CONFIG={{"auths":{{"reg.example":{{"auth":"§"}}}}}}',
        value=base64_pair,
    ),
    "basic_auth_header": forms(
        "Authorization: Basic §",
        "curl -H 'Authorization: Basic §' https://{h}/",
        'headers = {{"Authorization": "Basic §"}}',
        "> GET /{d} HTTP/1.1\n> Authorization: Basic §\n> Accept: */*",
        'proxy_set_header Authorization "Basic §";',
        value=base64_pair,
    ),
    "bearer_opaque": forms(
        "Authorization: Bearer §",
        'curl -H "authorization: bearer §" https://{h}/{d}',
        "fetch('/api/{d}', {{ headers: {{ Authorization: 'Bearer §' }} }})",
        "-H 'Proxy-Authorization: Bearer §'",
        "requests.get(url, headers={{'Authorization': 'Bearer §'}})",
        value=opaque,
    ),
    "session_cookie": forms(
        "Cookie: lang=de; sessionid=§; theme=dark",
        "Set-Cookie: PHPSESSID=§; Path=/; HttpOnly; Secure",
        "curl -b 'connect.sid=§' https://{h}/account",
        'document.cookie = "auth_session=§; max-age=3600"',
        'cookies = {{"JSESSIONID": "§"}}',
        value=lambda d: d.chars("L", d.randint(26, 40)),
    ),
    "otpauth_uri_secret": forms(
        "otpauth://totp/ACME:{u}?secret=§&issuer=ACME",
        "otpauth://hotp/{d}?secret=§&counter={n}",
        "qrencode 'otpauth://totp/{h}:{u}%40example.com?algorithm=SHA1&digits=6&secret=§'",
        '{{"uri":"otpauth://totp/{d}?issuer=X&secret=§&period=30"}}',
        "the QR code holds otpauth://totp/VPN:{u}?secret=§ they say",
        value=base32,
    ),
    "azure_storage_conn": forms(
        "DefaultEndpointsProtocol=https;AccountName={d}store;AccountKey=§;EndpointSuffix=core.windows.net",
        'AZURE_STORAGE_CONNECTION_STRING="AccountName={d};AccountKey=§"',
        '{{"AzureWebJobsStorage":"DefaultEndpointsProtocol=https;AccountName={d}{n};AccountKey=§"}}',
        "AccountEndpoint=https://{d}.documents.azure.com:443/;AccountKey=§;",
        "BlobServiceClient.from_connection_string('AccountName={d};AccountKey=§;BlobEndpoint=https://x/')",
        value=account_key,
    ),
    "azure_servicebus_conn": forms(
        "Endpoint=sb://{d}.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=§",
        "EVENTHUB=Endpoint=sb://{d}-{n}.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey=§;EntityPath=e",
        "HostName={d}.azure-devices.net;DeviceId=dev{n};SharedAccessKey=§",
        '{{"bus":"Endpoint=sb://{d}.servicebus.windows.net/;SharedAccessKeyName=r;SharedAccessKey=§"}}',
        'ServiceBusClient("Endpoint=sb://{d}.servicebus.windows.net/;SharedAccessKeyName=a;SharedAccessKey=§")',
        value=bus_key,
    ),
    "azure_appconfig_conn": forms(
        "Endpoint=https://{d}.azconfig.io;Id=aB1c-l9-s0:Xy{n}kQpLm;Secret=§",
        'APPCONFIG="Endpoint=https://{d}{n}.azconfig.io;Id=Z9-l0-s0:abcDEF123;Secret=§"',
        '{{"AppConfig":"Endpoint=https://{d}.azconfig.io;Id=k1-l1-s0:QWERty;Secret=§"}}',
        'builder.AddAzureAppConfiguration("Endpoint=https://{d}.azconfig.io;Id=0-l6-s0:mnbvcx;Secret=§");',
        "config: Endpoint=https://{d}.azconfig.io;Id=p-l2-s0:lkj;Secret=§ does not work",
        value=bus_key,
    ),
    "sql_create_user_password": forms(
        "CREATE USER {u} WITH PASSWORD '§';",
        "CREATE USER '{u}'@'%' IDENTIFIED BY '§';\nGRANT ALL ON {d}.* TO '{u}'@'%';",
        'ALTER USER {u} IDENTIFIED BY "§" ACCOUNT UNLOCK;',
        "CREATE LOGIN {u} WITH PASSWORD = N'§', CHECK_POLICY = ON;",
        "ALTER ROLE {u} WITH LOGIN ENCRYPTED PASSWORD '§';",
        "SET PASSWORD FOR '{u}'@'localhost' = PASSWORD('§');",
    ),
    "unix_shadow_hash": forms(
        "{u}:§:19{n}0:0:99999:7:::",
        "root:§:19700:0:99999:7:::\ndaemon:*:19700:0:99999:7:::",
        "usermod -p '§' {u}",
        'ansible: password: "§"',
        "chpasswd -e <<< '{u}:§'",
        value=crypt_hash,
    ),
    "bcrypt_hash": forms(
        "INSERT INTO users (mail, hash) VALUES ('a@b.example', '§');",
        "{u}:§",
        '{{"user":"{u}","password_hash":"§"}}',
        "does § match what the form sends?",
        "users:\n  {u}: §\n",
        value=bcrypt,
    ),
    "wifi_psk": forms(
        'network={{\n  ssid="Office"\n  psk="§"\n}}',
        "WIFI:T:WPA;S:Office-{n};P:§;;",
        "wpa_passphrase=§\nwpa_key_mgmt=WPA-PSK\nssid=guest{n}",
        "nmcli dev wifi connect Office password '§'",
        "The guest wifi password is § (network Office-Guest).",
        "[wifi-security]\nkey-mgmt=wpa-psk\npsk=§\n",
        "Das WLAN-Passwort lautet §",
        value=wifi,
    ),
    "generic_password_assignment": forms(
        'db_password = "§"',
        "password: '§'",
        "ADMIN_PASSWORD=§\n",
        '{{"user":"{u}","password":"§"}}',
        'String passwd = "§";',
        "<password>§</password>",
        "smtp.password=§\n",
        "$config['db_pass'] = '§';",
        "mysql -u{u} -p'§' {d}",
        "PGPASSWORD='§' psql -h {h}",
        "sshpass -p '§' ssh {u}@{h}",
        "const dbPassword = '§';",
        '  ansible_become_password: "§"',
        "-Djavax.net.ssl.keyStorePassword=§ -jar app.jar",
        "openssl rsa -in k.pem -passin pass:§ -out o.pem",
        "redis-cli -h {h} -a '§' info",
        value=plain,
    ),
    "prose_password": forms(
        "my password is § and I cannot log in",
        "Login: {u}\nPassword: §\nplease reset it",
        "user {u}, pw § - works on my machine",
        "Das Passwort lautet § und gilt bis Freitag.",
        "le mot de passe est § pour le portail",
        "la contraseña es § desde ayer",
        'the root password for {h} is "§"',
        "La password è §, non dirla a nessuno",
        "a senha é § por enquanto",
        "пароль: §",
        "Hasło to §",
        "het wachtwoord is §",
        "密码是 §",
        "パスワードは § です",
    ),
    "snowflake_password": forms(
        "SNOWFLAKE_PASSWORD=§",
        "snowflake.connector.connect(user='{u}', password='§', account='xy{n}.eu-west-1')",
        "snowsql -a acme-{n} -u {u}  # password: §",
        '[connections.snowflake]\naccount = "ab{n}"\npassword = "§"\n',
        "our Snowflake password is §",
    ),
    "k8s_secret_yaml": secret_manifest,
    "azure_sas_sig": sas,
    "thingsboard_token": forms(
        "curl -d '{{\"t\":{n}}}' http://{h}/api/v1/§/telemetry",
        "POST https://thingsboard.example/api/v1/§/telemetry",
        "mosquitto_pub -h thingsboard.example -t v1/devices/me/telemetry -u § -m '{{}}'",
        'url = "http://thingsboard.local:8080/api/v1/§/attributes"',
        "THINGSBOARD_ACCESS_TOKEN=§",
        value=lambda d: d.chars("a", 20),
    ),
}
