from django.db import migrations, models
import django.db.models.deletion


class Migration(migrations.Migration):

    dependencies = [
        ('telephony', '0005_outgoing_calls'),
    ]

    operations = [
        migrations.AddField(
            model_name='call',
            name='variables',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='campaign',
            name='phone_number',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='campaigns', to='telephony.phonenumber'),
        ),
    ]
