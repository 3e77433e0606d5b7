from django.db import migrations


def by_code_point(apps, schema_editor):
    """Lists by SKU are ordered by code point; PostgreSQL would order them by the locale of the database."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute('ALTER TABLE catalogue_product ALTER COLUMN sku TYPE varchar(32) COLLATE "C"')


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0002_versions")]
    operations = [migrations.RunPython(by_code_point, migrations.RunPython.noop)]
