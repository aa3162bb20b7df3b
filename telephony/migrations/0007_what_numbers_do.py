from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('telephony', '0006_campaigns_call_from_numbers'),
    ]

    operations = [
        migrations.AddField(
            model_name='phonenumber',
            name='answering',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='call',
            name='instead',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='call',
            name='recording_at_carrier',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddIndex(
            model_name='call',
            index=models.Index(condition=models.Q(('recording_at_carrier', ''), _negated=True), fields=['created_at'], name='calls_with_messages'),
        ),
    ]
