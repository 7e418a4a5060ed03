"""Secrets of common shapes: what is taken out, what stays, in linear time."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memva import redact_secrets
from memva.domain import RedactNamed
from memva.testing.contract.processes import PROOF

LETTERS = "Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1Wx2Yz3" * 4
JWT = f"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.{LETTERS[:43]}"
BODY = f"{LETTERS[:64]}\n{LETTERS[:64]}\n{LETTERS[:20]}=="
PEM = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{BODY}\n-----END OPENSSH PRIVATE KEY-----"
ENCRYPTED = PEM.replace("KEY-----\nAb", "KEY-----\nDEK-Info: AES-128-CBC,00\n\nAb", 1)

# Put together here, so that no one who looks for secrets finds any in this file.
KEYS = {
    "anthropic key": ["sk-ant-" + "api03-" + LETTERS[:90], "sk-ant-" + "oat01-" + LETTERS[:90]],
    "openai key": [
        "sk-" + LETTERS[:48],
        "sk-proj-" + LETTERS[:40] + "_-" + LETTERS[:60],
        "sk-or-v1-" + "0a" * 32,
    ],
    "aws key id": ["AKIA" + "IOSFODNN7EXAMPLE", "ASIA" + "IOSFODNN7EXAMPLE"],
    "google key": ["AIza" + LETTERS[:33] + "-_"],
    "google secret": ["GOCSPX-" + LETTERS[:28]],
    "google token": ["ya29." + LETTERS[:60]],
    "github token": ["ghp_" + LETTERS[:36], "ghs_" + LETTERS[:36], "github_pat_" + LETTERS[:82]],
    "gitlab token": ["glpat-" + LETTERS[:20], "glrt-" + LETTERS[:20]],
    "slack token": [
        "xoxb-" + "123456789012-" + LETTERS[:24],
        "xapp-" + "1-A0-1-" + LETTERS[:24],
        "xoxe.xoxp-" + "1-" + LETTERS[:24],
    ],
    "stripe key": ["sk_" + "live_" + LETTERS[:24], "rk_" + "test_" + LETTERS[:24]],
    "npm token": ["npm_" + LETTERS[:36]],
    "pypi token": ["pypi-" + "AgEIcHlwaS5vcmc" + LETTERS[:100]],
    "hugging face token": ["hf_" + LETTERS[:34]],
    "sendgrid key": ["SG." + LETTERS[:22] + "." + LETTERS[:43]],
    "jwt": [JWT],
    "private key": [PEM, ENCRYPTED, PEM.replace("\n", "\\n"), PEM.replace("OPENSSH", "RSA")],
}
AROUND = [
    "{}",
    "It is {}.",
    'key = "{}"',
    "<{}>",
    "https://host/{}/x",
    "a\\n{}\\nb",
    "\x1b[32m{}\x1b[0m",
    "q%3D{}&r",
    "({})",
]


@pytest.mark.parametrize(("kind", "secret"), [(k, s) for k, all_ in KEYS.items() for s in all_])
@pytest.mark.parametrize("around", AROUND)
def test_a_key_is_taken_out_wherever_it_stands(kind: str, secret: str, around: str) -> None:
    assert redact_secrets(around.format(secret)) == around.format(f"[redacted: {kind}]")


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Authorization: Bearer abcd1234", "Authorization: Bearer [redacted: authorization]"),
        ("authorization: Basic dXNlcjpwYXNz", "authorization: Basic [redacted: authorization]"),
        (
            '{\\"Authorization\\": \\"token a1b2c3d4\\"}',
            '{\\"Authorization\\": \\"token [redacted: authorization]\\"}',
        ),
        ("-H 'Bearer 0123456789abcdef'", "-H 'Bearer [redacted: authorization]'"),
        ("postgres://me:hunter2@db:5432/x", "postgres://me:[redacted: password]@db:5432/x"),
        ("redis://:p@ss@localhost/0", "redis://:[redacted: password]@localhost/0"),
        (
            "https://hooks.slack.com/services/T0/B0/" + LETTERS[:24],
            "https://hooks.slack.com/[redacted: slack webhook]",
        ),
        ("export DB_PASSWORD=letmein; ls", "export DB_PASSWORD=[redacted: password]; ls"),
        ("API_KEY=abcd-efgh\nDEBUG=1", "API_KEY=[redacted: api key]\nDEBUG=1"),
        ('"password": "hunter2",', '"password": "[redacted: password]",'),
        ('{\\"apiKey\\":\\"a1b2c3d4\\"}', '{\\"apiKey\\":\\"[redacted: api key]\\"}'),
        ("client_secret: 'it\"s#1'", "client_secret: '[redacted: secret]'"),
        ('"password": "letmein"', '"password": "[redacted: password]"'),
        ("password='mypass123'", "password='[redacted: password]'"),
        ("DB_PASSWORD='letmein'", "DB_PASSWORD='[redacted: password]'"),
        ('ClientSecret := "a1b2c3"', 'ClientSecret := "[redacted: secret]"'),
        ("'passphrase' => 'a1b2c3'", "'passphrase' => '[redacted: passphrase]'"),
        ("?access_token=a1b2c3&x=1", "?access_token=[redacted: token]&x=1"),
        ("mysql --password hunter2 -u me", "mysql --password [redacted: password] -u me"),
        ("run --api-key=a1b2c3d4", "run --api-key=[redacted: api key]"),
        (
            "aws_secret_access_key = /" + LETTERS[:39],
            "aws_secret_access_key = [redacted: access key]",
        ),
        ("//registry/:_authToken=a1b2c3-d4", "//registry/:_authToken=[redacted: token]"),
        (
            "     1→" + PEM.replace("\n", "\n     2→"),
            "     1→[redacted: private key]",
        ),
        (
            f"  1→-----BEGIN PRIVATE KEY-----\n  2→{LETTERS[:64]}\n  3→{LETTERS[:64]}\nAnd",
            "  1→[redacted: private key]\nAnd",
        ),
    ],
)
def test_what_stands_before_a_secret_tells(text: str, redacted: str) -> None:
    assert redact_secrets(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "019ac3b2-7d1f-7c3e-9a52-0123456789ab",
        "toolu_01A09q90qw90lq917835lq9 msg_01XFDUDYJgAACzvnptvVoYEL req_011CSHoEeqs5C35K2UUqR7Fy",
        "commit 8783480468c2b81c1956bd3bc702e73ed41ac9fb",
        "sha512-" + LETTERS[:86] + "==",
        "iVBORw0KGgoAAAANSUhEUg" + LETTERS * 20 + "==",
        "/home/me/.ssh/id_ed25519 ~/src/token/parser.py:123: error",
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\n" + LETTERS[:64] + "\n-----END PUBLIC KEY-----",
        'startsWith("-----BEGIN PRIVATE KEY-----") && endsWith("-----END PRIVATE KEY-----")',
        "The file begins with -----BEGIN PRIVATE KEY----- and goes on.",
        "task-0123456789abcdefghijklmnopqrstuvwxyz",
        "https://example.com:8080/a?mail=me@example.com",
        "http://localhost:3000/@scope/name git@github.com:a/b.git ssh://git@host:22/x",
        "postgres://${USER}:${PASSWORD}@host/db",
        "bearer authentication; Authorization: Bearer authentication",
        "Authorization: Bearer $TOKEN",
        "max_tokens=4096, input_tokens: 123456, token_count = 12345678",
        "token = tokens[i]; token = next_token(); token = self.token2; secret: string",
        "password: str | None = None; password=password",
        "API_KEY = os.environ['API_KEY']; apiKey: process.env.API_KEY2",
        "API_KEY=$OTHER API_KEY=<your key> API_KEY=... SECRET=********** TOKEN=null",
        'nextPageToken: "CAUQAA12345" next_token="CAUQAA12345"',
        '"password": "Enter your password" type="password" id="password-1"',
        '"password": "string", "password": "new_password", "password": "contraseña"',
        "PASSWORD=/run/secrets/db PASSWORD_FILE=/run/secrets/db2 secret: ./a/b1.txt",
        "PWD=/home/me1 key=value1 monkey: banana1",
        'if token == "a1b2c3d4":',
        "token: 12345678",
        "",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert redact_secrets(text) == text


PARTS = [
    *(secret for secrets in KEYS.values() for secret in secrets),
    *"=:\"'\\@/-_. \n[]a1+&",
    *("password", "TOKEN", "apiKey", "://", "Bearer ", "Authorization: ", "--", "-----", "eyJ"),
    *("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----", "hunter2", "[redacted: x]"),
]


@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join))
def test_doing_it_again_changes_nothing(text: str) -> None:
    once = redact_secrets(text)
    assert redact_secrets(once) == once


HOSTILE = [
    "a",
    "-",
    ":",
    "@",
    "://",
    "://a:",
    "eyJ",
    "eyJaaaaaaaaaaa.",
    "sk-",
    "ghp_a",
    "AKIA",
    "token        ",
    "password=",
    'password="',
    "password='password=\"",
    "password=\\",
    "--password ",
    "--a-",
    "authorization: bearer ",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----AAAA",
    "-----BEGIN PRIVATE KEY-----\\n\\n 1 1",
]


SIZE = 10_000_000 if PROOF else 1_000_000
"""How long hostile texts are; were the time not linear, either would take hours."""


@pytest.mark.parametrize("beginning", ["", "://", 'password="', "-----BEGIN PRIVATE KEY-----"])
@pytest.mark.parametrize("part", HOSTILE)
@pytest.mark.timeout(100)
def test_time_is_linear(part: str, beginning: str) -> None:
    redact_secrets(beginning + part * (SIZE // len(part)))


@pytest.mark.parametrize("part", ["a" * 10, "1.", "\\n", "\n 1", "A"])
@pytest.mark.timeout(100)
def test_one_long_value_takes_linear_time(part: str) -> None:
    for before in ("://", "://:", "TOKEN=", 'secret="', "-----BEGIN PRIVATE KEY-----"):
        redact_secrets(before + part * (SIZE // len(part)) + "(")


@pytest.mark.parametrize(
    ("name", "value", "stored"),
    [
        ("password", "hunter2", "[redacted: password]"),
        ("X-Api-Key", "a1b2c3d4", "[redacted: api key]"),
        ("token", "ghp_" + LETTERS[:36], "[redacted: github token]"),
        ("command", "API_KEY=a1b2c3d4 run", "API_KEY=[redacted: api key] run"),
        ("password", "Enter your password", "Enter your password"),
        ("nextToken", "a1b2c3d4", "a1b2c3d4"),
        ("tokens", "a1b2c3d4", "a1b2c3d4"),
    ],
)
def test_the_name_of_a_member_tells_of_its_value(name: str, value: str, stored: str) -> None:
    assert redact_secrets.named(name, value) == stored
    assert redact_secrets.named(name, stored) == stored


def test_it_goes_by_names() -> None:
    assert isinstance(redact_secrets, RedactNamed)


def test_nothing_is_compiled_before_it_is_used() -> None:
    code = (
        "import memva, memva.domain.secret_names as n, memva.domain.secret_shapes as s;"
        "print(n.assignments.cache_info().currsize, s.shapes.cache_info().currsize)"
    )
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert output.stdout.split() == ["0", "0"]
