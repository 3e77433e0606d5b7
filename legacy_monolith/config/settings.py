"""Django settings of the shop; what may differ between two places comes from the environment."""

import os

from . import keys
from .environment import ROOT, read_environment
from .log import logging_config

ENVIRONMENT = read_environment(os.environ)
PROJECT = ROOT / "legacy_monolith"
DATA_DIR = ENVIRONMENT.data_dir
for folder in (DATA_DIR, *ENVIRONMENT.database_folders()):
    folder.mkdir(parents=True, exist_ok=True)

DEBUG = ENVIRONMENT.debug
SECRET_KEY = ENVIRONMENT.secret_key or keys.read_or_make(DATA_DIR / "secret-key", keys.make_secret_key).decode()
TOKEN_KEY_FILE = DATA_DIR / "token-key.pem"
BROKER_URL = ENVIRONMENT.broker_url
SERVICE_URLS = ENVIRONMENT.service_urls

ALLOWED_HOSTS = list(ENVIRONMENT.allowed_hosts)
CSRF_TRUSTED_ORIGINS = list(ENVIRONMENT.csrf_trusted_origins)
# Only a proxy that replaces the header may be believed, hence only on demand.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.trust_forwarded_proto else None
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = ENVIRONMENT.secure_cookies

INSTALLED_APPS = [
    "legacy_monolith.config.admin.ShopAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "legacy_monolith.accounts",
    "legacy_monolith.catalogue",
    "legacy_monolith.stock",
    "legacy_monolith.cart",
    "legacy_monolith.orders",
    "legacy_monolith.payments",
    "legacy_monolith.api",
    "legacy_monolith.sync",
    "legacy_monolith.seeding",
]
MIDDLEWARE = [
    "legacy_monolith.config.middleware.request_log",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "legacy_monolith.config.middleware.in_one_thread",
]
ROOT_URLCONF = "legacy_monolith.config.urls"
ASGI_APPLICATION = "legacy_monolith.config.asgi.application"
CSRF_FAILURE_VIEW = "legacy_monolith.config.views.csrf_failure"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [PROJECT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "legacy_monolith.cart.context.cart_count",
            ],
        },
    },
]

DATABASES = {"default": ENVIRONMENT.database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
PASSWORD_HASHERS = [
    # As strong as Django's default, and several times faster to check.
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "accounts:login"
LOGIN_REDIRECT_URL = "catalogue:home"
LOGOUT_REDIRECT_URL = "catalogue:home"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
STATICFILES_DIRS = [PROJECT / "static"]
MEDIA_URL = "/media/"
MEDIA_ROOT = DATA_DIR / "media"
FILE_UPLOAD_PERMISSIONS = 0o644
DATA_UPLOAD_MAX_MEMORY_SIZE = 3 * 1024 * 1024  # a request body without its files; pictures have their own limit

LOGGING = logging_config(ENVIRONMENT.log_format, ENVIRONMENT.log_level)
