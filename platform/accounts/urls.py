from django.urls import path

from accounts import views

urlpatterns = [
    path("sign-in/<str:token>/", views.sign_in, name="sign-in-link"),
    path("invitations/<str:token>/", views.invitation, name="invitation"),
    path("organization/switch/<uuid:pk>/", views.switch, name="switch-organization"),
]
