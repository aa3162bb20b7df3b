from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telephony", "0010_events_in_order")]

    operations = [
        migrations.AddField(
            model_name="trunk",
            name="puts_through",
            field=models.CharField(
                choices=[("ask", "By asking the trunk, else by calling"), ("call", "By calling, always")],
                default="ask",
                max_length=4,
            ),
        ),
    ]
