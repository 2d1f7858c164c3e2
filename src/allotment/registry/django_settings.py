"""Django's settings, derived from Allotment's; an entry point, so it reads the environment.

Importing it touches no disk: the data folder and the secret key are made by `bootstrap.configure`.
"""

from __future__ import annotations

from pathlib import Path

from allotment.registry import secret_key
from allotment.settings import Settings, SettingsError, from_environ, variable_name

ALLOTMENT: Settings = from_environ()

SECRET_KEY = ALLOTMENT.secret_key or secret_key.read_or_passing(ALLOTMENT.registry_dir)
DEBUG = False
ALLOWED_HOSTS = list(ALLOTMENT.allowed_hosts)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "simple_history",
    "allotment.registry",
]
MIDDLEWARE = [
    "allotment.registry.middleware.RequestIdMiddleware",
    "allotment.registry.middleware.SecurityHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "allotment.registry.middleware.LanguageMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allotment.registry.middleware.SessionLimitsMiddleware",
    "allotment.registry.middleware.LoginMiddleware",
    "allotment.registry.middleware.PasswordChangeMiddleware",
    "allotment.registry.middleware.TimeZoneMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]
ROOT_URLCONF = "allotment.registry.urls"
WSGI_APPLICATION = "allotment.registry.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "allotment.registry.page_context.shell",
            ],
        },
    }
]

try:
    DATABASES = {
        "default": ALLOTMENT.database.for_django(ALLOTMENT.registry_dir / "registry.sqlite3")
    }
except ValueError as error:
    name, sentence = error.args
    raise SettingsError(f"{variable_name(name)} {sentence}") from error
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "registry.Account"
AUTHENTICATION_BACKENDS = [
    "allotment.registry.backends.PasswordBackend",
    "allotment.registry.backends.ProviderBackend",
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "login"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
# Before the words of other packages, which know some of the same texts.
LOCALE_PATHS = [Path(__file__).parent / "locale"]
LANGUAGE_COOKIE_NAME = "language"
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True
# Found at the start and once; the files ship inside the package and do not change under it.
WHITENOISE_AUTOREFRESH = False

# A whole configuration may come in one request; what reads other bodies has lower limits.
DATA_UPLOAD_MAX_MEMORY_SIZE = 8_000_000

# Behind plain HTTP on this machine a Secure cookie would never come back; a proxy that ends TLS
# says so with X-Forwarded-Proto, and every other protection is on in both cases.
_TLS = ALLOTMENT.registry_url.startswith("https://")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if _TLS else None
SESSION_COOKIE_SECURE = _TLS
CSRF_COOKIE_SECURE = _TLS
CSRF_TRUSTED_ORIGINS = [ALLOTMENT.registry_url] if _TLS else []
SESSION_ENGINE = "allotment.registry.sessions"
SESSION_COOKIE_NAME = "allotment_session"
CSRF_COOKIE_NAME = "allotment_csrf"
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = max(1, int(ALLOTMENT.sign_in.session_hours * 60 * 60))
SECURE_HSTS_SECONDS = ALLOTMENT.sign_in.hsts_seconds if _TLS else 0
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "allotment.registry.views.faults.csrf_failure"

MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"
SIMPLE_HISTORY_REVERT_DISABLED = True

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {"allotment": {"level": "INFO"}},
}
