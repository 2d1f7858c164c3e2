"""The host name by which a content delivery network knows a site."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0003_record"),
    ]

    operations = [
        migrations.AddField(
            model_name=model,
            name="domain",
            field=models.CharField(blank=True, default="", max_length=253),
        )
        for model in ("site", "historicalsite")
    ]
