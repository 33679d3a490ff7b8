"""Made-up source code in the languages that people paste: it handles secrets by name and holds none."""

from . import words


def python(draw):
    name, field, thing = words.pascal(draw), draw.choice(words.NOUNS), draw.choice(words.NOUNS)
    return f'''class {name}:
    """{words.sentence(draw)}"""

    def __init__(self, {thing}: str, password: str | None = None, timeout: float = {draw.randint(1, 99)}.5) -> None:
        self.{thing} = {thing}
        self._password = password or os.environ["{field.upper()}_PASSWORD"]
        self.token = None

    def {words.snake(draw)}(self, {field}_id: int) -> dict[str, int]:
        if self.token is None:
            self.token = self.refresh_token(scope="{field}:read")
        rows = self.{words.snake(draw)}(limit={draw.randint(1, 10**6)}, offset=0x{draw.chars("x", 8)})
        return {{row.key: row.{draw.choice(words.NOUNS)} for row in rows if row.secret is not None}}
'''


def rust(draw):
    name, field = words.pascal(draw), draw.choice(words.NOUNS)
    return f"""/// {words.sentence(draw)}
#[derive(Debug, Clone, Serialize)]
pub struct {name} {{
    {field}: Vec<u8>,
    api_key: Option<SecretString>,
}}

impl {name} {{
    const MAGIC: [u8; 8] = [0x{draw.chars("x", 2)}, 0x{draw.chars("x", 2)}, 0, 1, 2, 3, 4, {draw.randint(0, 255)}];
    const SEED: u64 = 0x{draw.chars("x", 16)};

    pub fn {words.snake(draw)}(&self, token: &Token) -> Result<usize, {name}Error> {{
        let key = self.api_key.as_ref().ok_or({name}Error::MissingKey)?;
        self.{field}.iter().filter(|byte| **byte == {draw.randint(0, 255)}).count().checked_sub({draw.randint(1, 9)}).ok_or({name}Error::Empty)
    }}
}}
"""


def typescript(draw):
    name, field = words.pascal(draw), draw.choice(words.NOUNS)
    return f'''import {{ {words.camel(draw)} }} from "@{field}/{draw.choice(words.NOUNS)}";

export interface {name}Props {{ id: number; password: string; apiKey?: string; secretName: "{field}" | "{draw.choice(words.NOUNS)}" }}

export async function {words.camel(draw)}({{ id, password, apiKey = process.env.{field.upper()}_API_KEY }}: {name}Props): Promise<void> {{
  const response = await fetch(`https://api.example.com/${{id}}?token=${{encodeURIComponent(apiKey ?? "")}}`, {{
    headers: {{ Authorization: `Bearer ${{apiKey}}`, "X-Request-Id": crypto.randomUUID() }},
  }});
  if (!response.ok) throw new Error(`${{response.status}} for {field} #${{id}}`);
  setPassword(password.trim());
}}
'''


def go(draw):
    name, field = words.pascal(draw), draw.choice(words.NOUNS)
    return f'''package {field}

// {name} {words.sentence(draw)}
type {name} struct {{
	ID        int64  `json:"id"`
	SecretKey string `json:"secret_key,omitempty" yaml:"secretKey"`
	Password  string `json:"-"`
}}

func (c *{name}) {words.pascal(draw)}(ctx context.Context, token string) error {{
	req.Header.Set("Authorization", "Bearer "+token)
	if c.Password == "" {{
		return fmt.Errorf("%s: no password for {field} %d", c.SecretKey, {draw.randint(1, 10**9)})
	}}
	return c.store.{words.pascal(draw)}(ctx, os.Getenv("{field.upper()}_SECRET"))
}}
'''


def java(draw):
    name, field = words.pascal(draw), draw.choice(words.NOUNS)
    return f'''@Service
public class {name}Service {{
    private static final long serialVersionUID = {draw.randint(10**17, 10**18)}L;
    private static final String PASSWORD_KEY = "{field}.password";

    @Value("${{{field}.api-key}}")
    private String apiKey;

    public {name} {words.camel(draw)}(final String token, final char[] password) {{
        log.debug("{words.camel(draw)} for {{}} after {{}} ms", token.hashCode(), {draw.randint(1, 999)});
        return repository.findBy{words.pascal(draw)}(passwordEncoder.encode(new String(password))).orElseThrow();
    }}
}}
'''


def c(draw):
    name, field = words.snake(draw), draw.choice(words.NOUNS)
    table = ", ".join(f"0x{draw.chars('x', 8)}" for _ in range(16))
    return f"""/* {words.sentence(draw)} */
static const uint32_t {field}_table[16] = {{ {table} }};

int {name}(struct {field} *p, const char *passwd, size_t len)
{{
	if (!passwd || len < {draw.randint(6, 16)})
		return -EINVAL;
	p->secret = kmemdup(passwd, len, GFP_KERNEL);
	p->token = get_random_u64();
	return p->{draw.choice(words.NOUNS)} ^ 0x{draw.chars("x", 8)}u;
}}
"""


def shell(draw):
    field = draw.choice(words.NOUNS)
    return f"""#!/usr/bin/env bash
set -euo pipefail
: "${{{field.upper()}_TOKEN:?is not set}}"
read -rsp "Password: " password
curl -fsS -u "$USER:$password" -H "Authorization: Bearer ${field.upper()}_TOKEN" "https://api.example.com/{field}s/{draw.randint(1, 10**6)}"
mysql --user=root --password="$MYSQL_PASSWORD" {field} < {words.snake(draw)}.sql
openssl rand -hex 32 > /run/{field}.key
ssh -i ~/.ssh/id_ed25519 deploy@{field}-01 'systemctl restart {draw.choice(words.NOUNS)}'
"""


def css(draw):
    rule = f".{draw.choice(words.NOUNS)}-{draw.choice(words.NOUNS)}"
    return "\n".join(
        f"{rule}-{n} {{ color: #{draw.chars('x', 6)}; margin: {draw.randint(0, 99)}px {draw.randint(0, 9)}.{draw.randint(0, 99)}rem; transition: all .{draw.randint(1, 9)}s cubic-bezier(.25,.46,.45,.94) }}\ninput[type=password]{{width:{draw.randint(10, 100)}%}}"
        for n in range(draw.randint(4, 14))
    )


def ruby(draw):
    field = draw.choice(words.NOUNS)
    return f"""class {words.pascal(draw)} < ApplicationRecord
  has_secure_password
  encrypts :{field}_token
  validates :password, length: {{ minimum: {draw.randint(8, 16)} }}

  def self.{words.snake(draw)}(token:)
    secret = Rails.application.credentials.dig(:{field}, :secret_key)
    find_by!(token_digest: Digest::SHA256.hexdigest(token + secret)).tap {{ |r| r.update!(count: {draw.randint(1, 10**7)}) }}
  end
end
"""


def php(draw):
    field = draw.choice(words.NOUNS)
    return f"""<?php
return [
    'default' => env('{field.upper()}_CONNECTION', '{field}'),
    'connections' => ['{field}' => ['username' => env('DB_USERNAME'), 'password' => env('DB_PASSWORD', ''), 'port' => {draw.randint(1000, 65000)}]],
    'key' => env('APP_KEY'), 'cipher' => 'AES-256-CBC',
    'passwords' => ['users' => ['provider' => 'users', 'table' => 'password_reset_tokens', 'expire' => {draw.randint(10, 99)}]],
];
"""


def source(draw):
    make = draw.choice([python, rust, typescript, go, java, c, shell, css, ruby, php])
    return "\n".join(make(draw) for _ in range(draw.randint(1, 5)))
