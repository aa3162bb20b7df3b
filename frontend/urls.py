"""The dashboard's addresses. One line each."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from frontend.views import (
    account,
    agents,
    calls,
    editor,
    health,
    home,
    keys,
    organization,
    preview,
    talk,
    team,
    versions,
)

app_name = "frontend"

# fmt: off
urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.index, name="home"),
    path("agents/", agents.agents, name="agents"),
    path("agents/new/", agents.create, name="agent-create"),
    path("agents/<uuid:pk>/", editor.editor, name="agent"),
    path("agents/<uuid:pk>/draft/<slug:group>/", editor.save, name="agent-save"),
    path("agents/<uuid:pk>/draft/<slug:group>/reset/", editor.reset, name="agent-reset"),
    path("agents/<uuid:pk>/preview/", preview.preview, name="agent-preview"),
    path("agents/<uuid:pk>/rename/", agents.rename, name="agent-rename"),
    path("agents/<uuid:pk>/archive/", agents.archive, name="agent-archive"),
    path("agents/<uuid:pk>/unarchive/", agents.unarchive, name="agent-unarchive"),
    path("agents/<uuid:pk>/delete/", agents.delete, name="agent-delete"),
    path("agents/<uuid:pk>/publish/", versions.publish, name="agent-publish"),
    path("agents/<uuid:pk>/versions/", versions.versions, name="agent-versions"),
    path("agents/<uuid:pk>/versions/compare/", versions.compare, name="agent-compare"),
    path("agents/<uuid:pk>/versions/<int:number>/restore/", versions.restore, name="agent-restore"),
    path("agents/<uuid:pk>/versions/restore/undo/", versions.undo_restore, name="agent-undo-restore"),
    path("organization/members/", team.members, name="members"),
    path("organization/members/invite/", team.invite, name="member-invite"),
    path("organization/members/<uuid:pk>/role/", team.change_role, name="member-role"),
    path("organization/members/<uuid:pk>/remove/", team.remove, name="member-remove"),
    path("organization/invitations/<uuid:pk>/revoke/", team.revoke, name="invitation-revoke"),
    path("organization/credentials/", keys.credentials, name="credentials"),
    path("organization/credentials/<uuid:pk>/remove/", keys.remove_credential, name="credential-remove"),
    path("organization/settings/", organization.settings, name="organization"),
    path("developers/keys/", keys.api_keys, name="api-keys"),
    path("developers/keys/<uuid:pk>/revoke/", keys.revoke_api_key, name="api-key-revoke"),
    path("account/", account.account, name="account"),
    path("agents/<uuid:agent_id>/talk-token/", talk.talk_token, name="talk-token"),
    path("calls/", calls.call_list, name="calls"),
    path("calls/<uuid:call_id>/", calls.call_detail, name="call"),
    path("calls/<uuid:call_id>/row/", calls.call_row, name="call-row"),
    path("calls/<uuid:call_id>/hang-up/", calls.call_hang_up, name="call-hang-up"),
    path("calls/<uuid:call_id>/recording/", calls.call_recording, name="call-recording"),
    path("calls/<uuid:call_id>/outline/", calls.call_peaks, name="call-peaks"),
    path("health/", health.system_health, name="health"),
]
# fmt: on
