"""Signing up, in and out, as people do it in a browser."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value, yield_hotp_counters_from_time
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import settings as django_settings
from django.contrib.auth.hashers import check_password, make_password
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.utils import timezone

from accounts import invitations, signin, tenancy
from accounts.models import Membership, Organization, SignInLink, User
from tests.conftest import PASSWORD

Browser = Callable[[Any], Client]


def path(link: str) -> str:
    return link.removeprefix(django_settings.SITE_URL)


def signed_in_as(client: Client) -> str | None:
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk).email if pk else None


def roles_of(user: User) -> dict[str, str]:
    with tenancy.system("test"):
        return {
            m.organization.name: m.role for m in Membership.objects.filter(user=user).select_related("organization")
        }


def sign_up(client: Client, email: str, name: str = "Dora") -> Any:
    return client.post("/accounts/signup/", {"name": name, "email": email, "password1": PASSWORD})


def test_who_signs_up_owns_a_new_organization_and_is_signed_in(db: None) -> None:
    browser = Client()
    assert sign_up(browser, "Dora@Example.com").status_code == 302
    dora = User.objects.get(email="dora@example.com")
    assert dora.name == "Dora"
    assert roles_of(dora) == {"Dora's organization": "owner"}
    assert signed_in_as(browser) == "dora@example.com"


def test_a_weak_password_is_not_taken(db: None) -> None:
    browser = Client()
    response = browser.post("/accounts/signup/", {"name": "D", "email": "d@example.com", "password1": "password12"})
    assert response.status_code == 200
    assert not User.objects.exists()


def test_signing_in_with_address_and_password(alice: User, organization: Organization) -> None:
    browser = Client()
    assert browser.post("/accounts/login/", {"login": "ALICE@example.com", "password": PASSWORD}).status_code == 302
    assert signed_in_as(browser) == "alice@example.com"
    wrong = Client()
    assert wrong.post("/accounts/login/", {"login": "alice@example.com", "password": "wrong"}).status_code == 200
    assert signed_in_as(wrong) is None


def test_passwords_are_hashed_with_argon2(settings: Any) -> None:
    from config import settings as configured

    settings.PASSWORD_HASHERS = configured.PASSWORD_HASHERS
    hashed = make_password(PASSWORD)
    assert hashed.startswith("argon2$argon2id$")
    assert check_password(PASSWORD, hashed)


def test_with_a_second_factor_the_password_alone_does_not_sign_in(alice: User, organization: Organization) -> None:
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(alice)
    browser = Client()
    response = browser.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD})
    assert response.url == "/accounts/2fa/authenticate/"
    assert signed_in_as(browser) is None
    browser.post("/accounts/2fa/authenticate/", {"code": "000000"})
    assert signed_in_as(browser) is None
    counter = next(iter(yield_hotp_counters_from_time()))
    browser.post("/accounts/2fa/authenticate/", {"code": format_hotp_value(hotp_value("JBSWY3DPEHPK3PXP", counter))})
    assert signed_in_as(browser) == "alice@example.com"


def test_guessing_is_limited_for_each_address_whatever_header_is_sent(alice: User, settings: Any) -> None:
    settings.SIGN_IN_LIMIT = "5/minute"
    browser = Client()
    statuses = []
    for n in range(8):
        form = {"login": f"someone{n}@example.com", "password": "guess"}
        response = browser.post("/accounts/login/", form, headers={"X-Forwarded-For": f"9.9.9.{n}"})
        statuses.append(response.status_code)
    assert statuses == [200] * 5 + [429] * 3
    assert 1 <= int(response["Retry-After"]) <= 61
    assert browser.get("/accounts/login/").status_code == 200


def test_behind_our_own_proxy_each_address_has_its_own_limit(alice: User, settings: Any) -> None:
    settings.SIGN_IN_LIMIT, settings.TRUSTED_PROXIES = "2/minute", 1

    def guess(forwarded: str) -> int:
        form = {"login": "a@example.com", "password": "x"}
        return Client().post("/accounts/login/", form, headers={"X-Forwarded-For": forwarded}).status_code

    assert [guess("7.7.7.7"), guess("1.2.3.4, 7.7.7.7"), guess("5.6.7.8, 7.7.7.7")] == [200, 200, 429]
    assert guess("7.7.7.7, 8.8.8.8") == 200


def test_where_valkey_is_gone_people_still_sign_in_and_guessing_still_ends(
    alice: User, organization: Organization, settings: Any
) -> None:
    settings.VALKEY_URL = "redis://127.0.0.1:1/0"
    away = {"LOCATION": settings.VALKEY_URL, "KEY_PREFIX": str(uuid.uuid4())}
    caches = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", **away},
        "forgiving": {"BACKEND": "accounts.outage.ForgivingCache", **away},
    }
    with override_settings(CACHES=caches):
        browser = Client()
        browser.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD})
        assert signed_in_as(browser) == "alice@example.com"
        form = {"login": "alice@example.com", "password": "guess"}
        guesses = [Client().post("/accounts/login/", form).content.decode() for _ in range(8)]
    assert "Too many" in guesses[-1]
    assert "Too many" not in guesses[0]


def test_a_sign_in_link_works_once(alice: User, organization: Organization) -> None:
    out = StringIO()
    call_command("signin_link", "Alice@example.com", stdout=out)
    link = path(out.getvalue().strip())
    first, second = Client(), Client()
    assert first.post(link).status_code == 302
    assert signed_in_as(first) == "alice@example.com"
    for response in (second.get(link), second.post(link)):
        assert (response.status_code, signed_in_as(second)) == (410, None)
        assert "signin_link" in response.content.decode()


def test_looking_at_a_sign_in_link_neither_signs_in_nor_uses_it_up(alice: User, organization: Organization) -> None:
    link = path(signin.link_for(alice))
    looking = Client()
    assert looking.head(link).status_code == 200
    assert looking.get(link, headers={"Sec-Purpose": "prefetch;prerender"}).status_code == 200
    page = looking.get(link)
    assert (page.status_code, signed_in_as(looking)) == (200, None)
    assert "alice@example.com" in page.content.decode(), "it says as whom"
    browser = Client()
    browser.post(link)
    assert signed_in_as(browser) == "alice@example.com"


def test_no_other_page_signs_a_browser_in_by_a_link(alice: User, organization: Organization) -> None:
    link = path(signin.link_for(alice))
    browser = Client(enforce_csrf_checks=True)
    assert browser.post(link).status_code == 403
    assert signed_in_as(browser) is None
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', browser.get(link).content.decode())
    assert found
    assert browser.post(link, {"csrfmiddlewaretoken": found[1]}).status_code == 302
    assert signed_in_as(browser) == "alice@example.com"


def test_who_is_signed_in_as_somebody_else_is_told(alice: User, charlie: User, client_of: Browser) -> None:
    browser = client_of(charlie)
    link = path(signin.link_for(alice))
    assert "That ends." in browser.get(link).content.decode()
    browser.post(link)
    assert signed_in_as(browser) == "alice@example.com"


def test_a_sign_in_link_ends_after_a_day_and_with_its_person(alice: User) -> None:
    old, other = signin.link_for(alice), signin.link_for(alice)
    SignInLink.objects.filter(token_hash=signin._hash(old.rstrip("/").split("/")[-1])).update(
        expires_at=timezone.now() - timedelta(1)
    )
    assert Client().get(path(old)).status_code == 410
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert Client().get(path(other)).status_code == 410
    with pytest.raises(CommandError, match="Nobody here"):
        call_command("signin_link", "nobody@example.com")


def test_a_sign_in_link_does_not_pass_the_second_factor(alice: User, organization: Organization) -> None:
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    browser = Client()
    assert browser.post(path(signin.link_for(alice))).url == "/accounts/2fa/authenticate/"
    assert signed_in_as(browser) is None


def test_the_database_keeps_no_sign_in_link(alice: User) -> None:
    token = signin.link_for(alice).rstrip("/").split("/")[-1]
    assert token not in str(SignInLink.objects.values().get())


def invite(alice: User, organization: Organization, email: str) -> str:
    with tenancy.use(organization):
        inviter = Membership.objects.select_related("user", "organization").get(user=alice)
    return path(invitations.invite(inviter, email, "editor")[1])


def test_the_invited_signs_up_and_is_in_that_organization_only(
    alice: User, organization: Organization, settings: Any
) -> None:
    settings.SIGN_UP = "invited"
    link = invite(alice, organization, "dora@example.com")
    browser = Client()
    page = browser.get(link)
    assert "Bright Smiles" in page.content.decode()
    sign_up(browser, "dora@example.com")
    dora = User.objects.get(email="dora@example.com")
    assert roles_of(dora) == {"Bright Smiles": "editor"}


def test_where_only_the_invited_may_sign_up_others_are_told(db: None, settings: Any) -> None:
    settings.SIGN_UP = "invited"
    response = sign_up(Client(), "dora@example.com")
    assert not User.objects.exists()
    assert response.status_code == 200


def test_a_link_for_another_address_gives_the_one_who_signs_up_nothing(alice: User, organization: Organization) -> None:
    browser = Client()
    browser.get(invite(alice, organization, "dora@example.com"))
    sign_up(browser, "eve@example.com", "Eve")
    assert roles_of(User.objects.get(email="eve@example.com")) == {"Eve's organization": "owner"}


def test_the_invited_with_an_account_joins_by_a_button(
    alice: User, charlie: User, organization: Organization, client_of: Browser
) -> None:
    link = invite(alice, organization, "charlie@example.com")
    browser = client_of(charlie)
    assert browser.get(link).status_code == 200
    assert roles_of(charlie) == {"Charlie & Sons": "owner"}, "looking is not joining"
    assert browser.post(link).status_code == 302
    assert roles_of(charlie) == {"Charlie & Sons": "owner", "Bright Smiles": "editor"}
    assert browser.session["organization"] == str(organization.pk)


def test_someone_elses_invitation_says_whose_it_is(
    alice: User, charlie: User, organization: Organization, client_of: Browser
) -> None:
    response = client_of(charlie).post(invite(alice, organization, "dora@example.com"))
    assert response.status_code == 409
    assert "dora@example.com" in response.content.decode()


def test_an_organizations_name_can_do_nothing_in_the_mail_or_the_page(
    alice: User, organization: Organization, mailoutbox: Any, django_capture_on_commit_callbacks: Any
) -> None:
    organization.name = "Evil\r\nBcc: x@example.com <script>alert(1)</script>"
    organization.save()
    with django_capture_on_commit_callbacks(execute=True):
        link = invite(alice, organization, "dora@example.com")
    assert "\n" not in mailoutbox[0].subject
    assert not re.search(r"<script>alert", Client().get(link).content.decode())


def test_where_only_the_invited_sign_up_a_link_that_was_passed_on_opens_nothing(
    alice: User, organization: Organization, settings: Any
) -> None:
    settings.SIGN_UP = "invited"
    with tenancy.use(organization):
        inviter = Membership.objects.select_related("organization", "user").get(user=alice)
    _, link = invitations.invite(inviter, "dora@example.com", "viewer")
    browser = Client()
    assert browser.get(path(link)).status_code == 200
    response = sign_up(browser, "mallory@example.com", "Mallory")
    assert "Sign up with the e-mail address that your invitation was sent to." in response.content.decode()
    assert not User.objects.filter(email="mallory@example.com").exists()
    assert sign_up(browser, "Dora@example.com").status_code == 302
    assert roles_of(User.objects.get(email="dora@example.com")) == {"Bright Smiles": "viewer"}


def test_who_lost_the_second_factor_is_helped_by_the_operator(alice: User, organization: Organization) -> None:
    TOTP.activate(alice, "JBSWY3DPEHPK3PXP")
    with pytest.raises(CommandError, match="Whose"):
        call_command("signin_link", remove_second_factor=True)
    out = StringIO()
    call_command("signin_link", alice.email, remove_second_factor=True, stdout=out, stderr=StringIO())
    browser = Client()
    browser.post(path(out.getvalue().strip()))
    assert signed_in_as(browser) == alice.email


@pytest.mark.parametrize(
    "address",
    [
        "/accounts/reauthenticate/",
        "/accounts/2fa/reauthenticate/",
        "/accounts/password/change/",
        "/accounts/2fa/authenticate/",
    ],
)
def test_guessing_goes_no_faster_by_another_door(alice: User, client_of: Browser, settings: Any, address: str) -> None:
    settings.SIGN_IN_LIMIT = "3/minute"
    browser = client_of(alice)
    answers = [browser.post(address, {"password": "x", "code": "000000"}).status_code for _ in range(4)]
    assert answers[3] == 429 and 429 not in answers[:3]


def test_the_mail_with_the_way_to_a_new_password_is_from_parley_and_in_plain_words(
    alice: User, organization: Organization, mailoutbox: Any
) -> None:
    Client().post("/accounts/password/reset/", {"email": alice.email})
    Client().post("/accounts/password/reset/", {"email": "nobody@example.com"})
    mail, to_nobody = mailoutbox
    assert mail.subject == "Parley: Choose a new password"
    link = re.search(r"http\S+/accounts/password/reset/key/\S+", mail.body)
    assert link
    assert "It works once" in mail.body and "your password stays as it is" in mail.body
    assert to_nobody.subject == "Parley: No account with this address"
    browser = Client()
    form = browser.get(path(link[0]), follow=True)
    assert "Choose a new password" in form.content.decode()
    done = browser.post(
        form.request["PATH_INFO"],
        {"password1": "another horse battery", "password2": "another horse battery"},
        follow=True,
    )
    assert "Your password is changed" in done.content.decode()
    assert "/accounts/login/" in done.content.decode(), "it leads on"
    assert mailoutbox[-1].subject == "Parley: Your password was changed"
    again = Client().get(path(link[0]), follow=True).content.decode()
    assert "This link no longer works" in again and "Send me a new link" in again


@pytest.mark.parametrize(
    ("email", "may"), [("dora@example.com", True), ("Dora@Example.com", True), ("eve@example.com", False)]
)
def test_with_a_company_account_too_only_the_invited_address_signs_up(
    alice: User, organization: Organization, settings: Any, rf: Any, email: str, may: bool
) -> None:
    """A provider tells the address and no form is shown: an invitation that was passed on still opens nothing."""
    settings.SIGN_UP = "invited"
    with tenancy.use(organization):
        mine = Membership.objects.select_related("user", "organization").get(user=alice)
    _, link = invitations.invite(mine, "dora@example.com", "viewer")
    request = rf.get("/accounts/oidc/openid/login/callback/")
    request.session = {"invitation": link.rstrip("/").split("/")[-1]}
    login = SocialLogin(user=User(email=email), account=SocialAccount(provider="openid", uid="1"))
    assert get_adapter(request).is_open_for_signup(request, login) is may
    request.session = {}
    assert get_adapter(request).is_open_for_signup(request, login) is False
    settings.SIGN_UP = "open"
    assert get_adapter(request).is_open_for_signup(request, login) is True


def test_a_mail_is_only_promised_where_mail_leaves_the_server(alice: User, settings: Any) -> None:
    settings.MAIL_IS_DELIVERED = False
    page = Client().post("/accounts/password/reset/", {"email": "alice@example.com"}, follow=True).content.decode()
    assert "No mail leaves this server" in page
    assert "sent a mail" not in page
    settings.MAIL_IS_DELIVERED = True
    page = Client().get("/accounts/password/reset/done/").content.decode()
    assert "sent a mail" in page
    assert "No mail leaves" not in page


def test_each_address_has_its_own_buttons(alice: User, organization: Organization, client_of: Any) -> None:
    browser = client_of(alice)
    EmailAddress.objects.create(user=alice, email="alice@example.com", primary=True, verified=True)
    EmailAddress.objects.create(user=alice, email="second@example.com", verified=True)
    page = browser.get("/accounts/email/").content.decode()
    assert page.count('name="action_primary"') == 1
    browser.post("/accounts/email/", {"email": "second@example.com", "action_primary": ""})
    assert EmailAddress.objects.get(user=alice, primary=True).email == "second@example.com"
    browser.post("/accounts/email/", {"email": "alice@example.com", "action_remove": ""})
    assert [each.email for each in EmailAddress.objects.filter(user=alice)] == ["second@example.com"]


def test_forms_speak_plainly(db: None) -> None:
    page = Client().post("/accounts/signup/", {}).content.decode()
    assert page.count("Fill this in.") == 3
    assert "E-mail address" in page
    assert "At least 10 characters" in page
    assert "placeholder" not in page.partition("<main")[2]
