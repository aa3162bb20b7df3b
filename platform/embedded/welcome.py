"""What is there at the first start: a demo organization with its agent, and the person who looks at it."""

from __future__ import annotations

from allauth.account.models import EmailAddress

from accounts import members, signin, tenancy
from accounts.models import User
from agents.demo import ensure_demo
from embedded.environment import DEMO_EMAIL

DEMO_ORGANIZATION = "Demo practice"


def ensure_welcome() -> User:
    """Whom the printed link signs in. What people changed or deleted since the first start stays so."""
    user = User.objects.filter(email=DEMO_EMAIL).first()
    if user is None:
        user = User.objects.create_user(email=DEMO_EMAIL, name="Demo")
        EmailAddress.objects.create(user=user, email=DEMO_EMAIL, verified=True, primary=True)
        organization = members.create_organization(DEMO_ORGANIZATION, user)
        with tenancy.use(organization):
            ensure_demo(organization, user)
    return user


def sign_in_link(email: str = DEMO_EMAIL) -> str:
    return signin.link_for(User.objects.get(email=email))
