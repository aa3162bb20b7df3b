import uuid

import django.db.models.deletion
from django.db import migrations, models

from accounts.rls import EnableRLS


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_bind_credentials_to_their_address'),
        ('telephony', '0007_what_numbers_do'),
    ]

    operations = [
        migrations.CreateModel(
            name='TextMessage',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('from_number', models.CharField(max_length=16)),
                ('to_number', models.CharField(max_length=16)),
                ('body', models.TextField()),
                ('status', models.CharField(choices=[('sending', 'Being sent'), ('sent', 'Sent'), ('delivered', 'Delivered'), ('failed', 'Not sent')], default='sending', max_length=9)),
                ('carrier_message_id', models.CharField(blank=True, max_length=64)),
                ('problem', models.CharField(blank=True, max_length=300)),
                ('call', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='texts', to='telephony.call')),
                ('carrier_account', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='texts', to='telephony.carrieraccount')),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
                ('phone_number', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='texts', to='telephony.phonenumber')),
            ],
            options={
                'ordering': ['-created_at', '-id'],
                'indexes': [models.Index(fields=['organization', '-created_at', '-id'], name='texts_newest')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('call', None), _negated=True), fields=('call',), name='one_text_a_call')],
            },
        ),
        EnableRLS('telephony_textmessage'),
    ]
