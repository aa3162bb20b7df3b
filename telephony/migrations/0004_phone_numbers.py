import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from accounts.rls import EnableRLS


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0004_bind_credentials_to_their_address'),
        ('agents', '0002_row_level_security'),
        ('telephony', '0003_call_speculation'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='call',
            name='carrier_call_id',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='call',
            name='direction',
            field=models.CharField(choices=[('inbound', 'Inbound'), ('outbound', 'Outbound')], default='inbound', max_length=8),
        ),
        migrations.AddField(
            model_name='call',
            name='from_number',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name='call',
            name='picked_up_by',
            field=models.CharField(blank=True, max_length=20),
        ),
        migrations.AddField(
            model_name='call',
            name='streams',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='call',
            name='to_number',
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.CreateModel(
            name='CarrierAccount',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('provider', models.CharField(choices=[('twilio', 'Twilio')], default='twilio', max_length=20)),
                ('sid', models.CharField(max_length=64)),
                ('label', models.CharField(blank=True, max_length=120)),
                ('credential', models.CharField(max_length=80)),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
            ],
            options={
                'ordering': ['created_at'],
            },
        ),
        migrations.AddField(
            model_name='call',
            name='carrier_account',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='calls', to='telephony.carrieraccount'),
        ),
        migrations.CreateModel(
            name='PhoneNumber',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('number', models.CharField(max_length=20)),
                ('sid', models.CharField(max_length=64)),
                ('label', models.CharField(blank=True, max_length=120)),
                ('before', models.JSONField(default=dict)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='numbers', to='telephony.carrieraccount')),
                ('agent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='phone_numbers', to='agents.agent')),
                ('organization', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='accounts.organization')),
            ],
            options={
                'ordering': ['number'],
            },
        ),
        migrations.AddField(
            model_name='call',
            name='phone_number',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='calls', to='telephony.phonenumber'),
        ),
        migrations.AddConstraint(
            model_name='call',
            constraint=models.UniqueConstraint(condition=models.Q(('carrier_call_id', ''), _negated=True), fields=('carrier_account', 'carrier_call_id'), name='one_call_a_carrier_call'),
        ),
        migrations.AddConstraint(
            model_name='carrieraccount',
            constraint=models.UniqueConstraint(fields=('organization', 'provider', 'sid'), name='one_carrier_account_a_sid'),
        ),
        migrations.AddConstraint(
            model_name='phonenumber',
            constraint=models.UniqueConstraint(fields=('organization', 'number'), name='one_phone_number_a_number'),
        ),
        EnableRLS('telephony_carrieraccount'),
        EnableRLS('telephony_phonenumber'),
    ]
