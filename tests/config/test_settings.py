"""Settings: a wrong value stops the start, and a site on HTTPS passes Django's deployment check."""

from __future__ import annotations

import base64
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from config.mail import email_settings

ROOT = Path(__file__).resolve().parents[2]


def start(tmp_path: Path, *args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``manage.py`` in a process of its own, with this environment and nothing else of ours."""
    sensible = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": os.environ["DATABASE_URL"],
        "DATABASE_OWNER_URL": os.environ.get("DATABASE_OWNER_URL", os.environ["DATABASE_URL"]),
        "VALKEY_URL": os.environ["VALKEY_URL"],
        "PARLEY_DATA_DIR": str(tmp_path),
        "SECRET_KEY": secrets.token_urlsafe(50),
        "VAULT_KEY": base64.b64encode(secrets.token_bytes(32)).decode(),
        "SITE_URL": "https://voice.example.com",
    }
    return subprocess.run(
        [sys.executable, "manage.py", *args],
        cwd=ROOT,
        env=sensible | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_deployment_check_is_clean(tmp_path: Path) -> None:
    done = start(tmp_path, "check", "--deploy", "--fail-level", "WARNING", "--database", "default")
    assert done.returncode == 0, done.stderr
    assert "no issues" in done.stdout + done.stderr


def test_without_our_say_no_secret_is_made_up(tmp_path: Path) -> None:
    done = start(tmp_path, "check", SECRET_KEY_FILE=str(tmp_path / "none"))
    assert "SECRET_KEY_FILE" in done.stderr
    assert not (tmp_path / "secrets").exists()


def test_secrets_come_from_files_too(tmp_path: Path) -> None:
    (tmp_path / "vault").write_text("not a key\n")
    code = "from django.conf import settings; import django; django.setup(); from accounts import vault; vault.keys()"
    done = start(tmp_path, "shell", "-c", code, VAULT_KEY_FILE=str(tmp_path / "vault"))
    assert "openssl rand -base64 32" in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DEBUG", "yes", "use True or False"),
        ("SITE_URL", "voice.example.com", "use the address people open"),
        ("DATABASE_URL", "mysql://x", "must start with postgresql://"),
        ("DATABASE_POOL_SIZE", "many", "use a whole number"),
        ("SIGN_UP", "maybe", "use open or invited"),
        ("EMAIL_URL", "mail.example.com", "use smtp://"),
        ("OPENID_URL", "http://id.example.com", "https://"),
        ("EGRESS_ALLOW", "localhost", "neither host:port nor a block"),
        ("LOG_FORMAT", "xml", "use json or console"),
        ("API_LIMIT", "often", "such as 600/minute"),
        ("SIGN_IN_LIMIT", "", "such as 30/minute"),
        ("VAULT_KEY", "short", "openssl rand -base64 32"),
        ("VAULT_KEYS_OLD", "short", "VAULT_KEYS_OLD: use 32 random bytes"),
        ("DATABASE_URL", "postgresql://u:p@host:port/db", "DATABASE_URL: the port"),
        ("DATABASE_OWNER_URL", "mysql://x", "DATABASE_OWNER_URL must start with postgresql://"),
        ("EMAIL_URL", "smtp://mail.example.com:x", "EMAIL_URL: the port"),
        ("VALKEY_URL", "127.0.0.1:6379", "VALKEY_URL must start with redis://"),
    ],
)
def test_a_wrong_value_stops_the_start_and_says_what_to_use(tmp_path: Path, name: str, value: str, words: str) -> None:
    done = start(tmp_path, "check", **{name: value})
    assert done.returncode != 0
    assert words in done.stderr.strip().splitlines()[-1]


def test_an_openid_provider_is_a_button_by_configuration(tmp_path: Path) -> None:
    code = (
        "from django.conf import settings as s; app, = s.SOCIALACCOUNT_PROVIDERS['openid_connect']['APPS'];"
        "print(app['name'], app['client_id'], app['secret'], s.CONTENT_SECURITY_POLICY['DIRECTIVES']['form-action'])"
    )
    (tmp_path / "secret").write_text("hush\n")
    done = start(
        tmp_path, "shell", "-v", "0", "-c", code,
        OPENID_URL="https://id.example.com/realms/x", OPENID_NAME="Example ID", OPENID_CLIENT_ID="parley",
        OPENID_CLIENT_SECRET_FILE=str(tmp_path / "secret"),
    )  # fmt: skip
    assert done.stdout.strip() == "Example ID parley hush [\"'self'\", 'https://id.example.com']", done.stderr


@pytest.mark.parametrize(
    ("url", "folder", "expected"),
    [
        ("", None, ("console", "", 25, False, False, False)),
        ("", Path("mail"), ("filebased", "", 25, False, False, False)),
        ("smtp://ann:p%40ss@mail.example.com", None, ("smtp", "mail.example.com", 587, True, False, True)),
        ("smtps://ann:p%40ss@mail.example.com", None, ("smtp", "mail.example.com", 465, False, True, True)),
        ("smtp://127.0.0.1:25", None, ("smtp", "127.0.0.1", 25, False, False, True)),
    ],
)
def test_how_mail_leaves(url: str, folder: Path | None, expected: tuple[object, ...]) -> None:
    mail = email_settings(url, folder)
    kind = mail.backend.split(".")[-2]
    assert (kind, mail.host, mail.port, mail.use_tls, mail.use_ssl, mail.is_delivered) == expected
    if "ann" in url:
        assert (mail.user, mail.password) == ("ann", "p@ss")


def test_work_that_a_killed_worker_held_comes_back() -> None:
    from config.celery import app

    assert app.conf.task_acks_late is True
    assert app.conf.task_reject_on_worker_lost is True
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.broker_url == settings.VALKEY_URL


def test_every_scheduled_task_exists() -> None:
    from config.celery import app

    app.loader.import_default_modules()
    for entry in app.conf.beat_schedule.values():
        assert entry["task"] in app.tasks
