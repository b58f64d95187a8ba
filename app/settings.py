"""Every setting of the web app, each with its sentence.

Read from `RLHB_*` environment variables and the same-named options of `rlhb serve`; the help page and
docs/reference.md are made from the descriptions here. Does not know what the settings are used for beyond that.
"""

from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from app import settings_rules
from app.addresses import is_loopback
from rlhb_core.schema.records import EMBEDDED

SECRETS = frozenset(
    {
        *("RLHB_DATABASE_URL", "RLHB_REMOTE_API_KEY", "PGPASSWORD", "PGPASSFILE", "PGSSLPASSWORD"),
        *("RLHB_COOKIE_SECRET", "RLHB_OPENID_CLIENT_SECRET", "RLHB_PROXY_SECRET", "RLHB_TOKEN"),
    }
)
"""Environment that the processes that we start have no use for."""


class Role(StrEnum):
    """What somebody may do; each may do what those before it may."""

    WORKER = "worker"  # of a platform outside, who came by a study's link: for that study only
    ANNOTATOR = "annotator"
    RESEARCHER = "researcher"
    ADMINISTRATOR = "administrator"

    @property
    def rank(self) -> int:
        """Its place, from the one who may do least."""
        return list(Role).index(self)

    def includes(self, other: "Role") -> bool:
        """Whether it may do all that the other one may."""
        return self.rank >= other.rank


class Settings(BaseSettings):
    """What an operator can choose."""

    model_config = SettingsConfigDict(
        env_prefix="RLHB_",
        extra="ignore",
        hide_input_in_errors=True,  # it may hold the password of the database
    )

    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on. Without accounts only loopback is taken, unless allow_remote is set.",
    )
    port: int = Field(default=7860, ge=1, le=65535, description="Port to listen on.")
    allow_remote: bool = Field(
        default=False,
        description="Without accounts, listen on an address that other machines reach, as in a container whose port is "
        "published on loopback: anyone who reaches it can read and label everything. For other people there is `team`.",
    )
    model_names: str = Field(
        default="ChatGPT, GPT-3.5, GPT-4, GPT-5, OpenAI, Claude, Anthropic, Gemini, Gemma, Bard, Google DeepMind, "
        "Llama, Meta AI, Mistral AI, Mistral, Mixtral, Qwen, Alibaba Cloud, DeepSeek, Grok, xAI, Copilot, Command R, "
        "Cohere, Phi-3, Phi-4, SmolLM, Vicuna, Falcon, Kimi, Moonshot AI, GLM, MiniMax, Nova",
        description="Names of models and of their makers, separated by commas. An answer that speaks of itself by one "
        "of them, or by that of its version, marks its comparison: whoever read it may have known whose it is.",
    )
    team: bool = Field(
        default=False,
        description="Accounts: everybody signs in, and does what their role allows. Wants TLS: tls_certificate and "
        "tls_key, or behind_proxy, or insecure_http.",
    )
    public_url: str = Field(
        default="",
        description="Address that people open, such as https://label.example.org; requests by another name are "
        "refused. Empty: the address listened on, or (behind_proxy) whatever name the proxy passes on.",
    )
    behind_proxy: bool = Field(
        default=False,
        description="A proxy stands before this server and speaks TLS; what it says of the sender and the scheme "
        "(X-Forwarded-For, X-Forwarded-Proto) is believed, and nothing but https is answered.",
    )
    trusted_proxies: str = Field(
        default="127.0.0.1,::1",
        description="Addresses or networks of such proxies, separated by commas; others are not believed.",
    )
    insecure_http: bool = Field(
        default=False,
        description="Accounts without TLS, on a loopback or private address only: whoever listens on the way can read "
        "passwords and take over sessions.",
    )
    tls_certificate: Path | None = Field(
        default=None,
        description="File of a TLS certificate (PEM, with its chain): this server speaks TLS itself.",
    )
    tls_key: Path | None = Field(default=None, description="File of the certificate's key (PEM).")
    cookie_secret: str = Field(
        default="",
        repr=False,
        description="Secret of signatures, at least 32 characters, the same for all web processes on one database; "
        "empty: one of the data folder's own.",
    )
    session_idle_hours: float = Field(
        default=72, gt=0, le=8760, description="Hours after which a session that nobody uses ends."
    )
    session_days: float = Field(
        default=30, gt=0, le=365, description="Days after which a session ends, used or not."
    )
    newcomer_role: Literal["", "annotator", "researcher"] = Field(
        default="",
        description="Role of who signs in for the first time by OpenID Connect or by the proxy; empty: only people "
        "with an invitation.",
    )
    openid_issuer: str = Field(
        default="",
        description="OpenID Connect: address of the provider, as in its discovery document.",
    )
    openid_client_id: str = Field(default="", description="OpenID Connect: this app's id there.")
    openid_client_secret: str = Field(
        default="", repr=False, description="OpenID Connect: this app's secret there."
    )
    openid_name: str = Field(
        default="your organisation", description="What the button says: Sign in with ..."
    )
    proxy_user_header: str = Field(
        default="",
        description="Header in which a proxy says who has signed in with it, such as X-Forwarded-User; believed only "
        "with proxy_secret.",
    )
    proxy_secret: str = Field(
        default="",
        repr=False,
        description="What the proxy shows in X-RLHB-Proxy-Secret, at least 32 characters.",
    )
    audit_days: int = Field(
        default=365, ge=1, description="Days after which lines of the audit log are deleted."
    )
    consent: Path | None = Field(
        default=None,
        description="Markdown file with what people are asked before their reading is recorded. Without one, a text of "
        "ours is asked for with accounts, and nothing without.",
    )
    data_dir: Path = Field(
        default=Path("data"), description="Folder of the database, the runs and the cookie secret."
    )
    database_url: str = Field(
        default="",
        repr=False,
        description="Database: empty for SQLite in data_dir, or postgresql://user:password@host/name.",
    )
    base_model: str = Field(
        default=EMBEDDED,
        description="What answers: 'embedded', a folder or hub name that transformers loads, or a server's address "
        "(with #MODEL where a model must be named; a key goes into RLHB_REMOTE_API_KEY, which is never stored).",
    )
    base_model_protocol: Literal["auto", "tgi", "openai"] = Field(
        default="auto",
        description="Protocol of a server given as base_model: TGI's own or OpenAI chat; auto asks the server.",
    )
    device: str = Field(
        default="auto", description="Device for local models: auto, cpu, cuda, cuda:1 ..."
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto",
        description="Precision of local models; auto takes bfloat16 on a GPU that has it.",
    )
    temperature: float = Field(
        default=1.0, ge=0, le=5, description="Sampling temperature of the answers on the page."
    )
    max_new_tokens: int = Field(
        default=256,
        ge=1,
        le=8192,
        description="Longest answer, in tokens. The embedded model stops by itself well before.",
    )
    max_rows: int = Field(
        default=24, ge=1, le=1024, description="Most answers that a local model writes at once."
    )
    max_wait_s: float = Field(
        default=10.0,
        gt=0,
        description="Longest wait for an answer's first word, in seconds, as far as can be foreseen; "
        "a question that would wait longer is refused with the time to try again.",
    )
    max_open_queries: int = Field(
        default=4,
        ge=1,
        description="Most questions of one person that are being answered at the same time.",
    )
    engine_url: str = Field(
        default="",
        description="Address of a model process that answers for base_model, as `rlhb engine` runs it alone "
        "(http://host:port or unix:/path), so that several web processes share one; empty: the app starts its own.",
    )
    remote_timeout_s: float = Field(
        default=60.0, gt=0, description="Longest silence of a remote model server, in seconds."
    )
    min_free_mb: int = Field(
        default=200,
        ge=0,
        description="Space kept free on the data folder's disk, in MB: with less, no query, upload, download or run "
        "begins.",
    )
    max_downloads: int = Field(
        default=64,
        ge=1,
        le=1000,
        description="Downloads open at the same time; others are told to try later.",
    )
    max_runs: int = Field(
        default=1, ge=1, le=16, description="Training runs at the same time; others wait."
    )
    max_queued_runs: int = Field(
        default=20, ge=1, le=1000, description="Most training runs that wait for their turn."
    )
    unwatched_run_minutes: float = Field(
        default=30,
        ge=0,
        description="Minutes after which a training run that no server and no command follows any more writes a "
        "checkpoint and stops, to be resumed; 0 lets it go on.",
    )
    threads: int = Field(
        default=1, ge=1, le=256, description="CPU threads of a training run and of local models."
    )

    max_body_bytes: int = Field(
        default=4_000_000,
        ge=10_000,
        description="Largest body of a request other than an upload, in bytes.",
    )
    max_upload_bytes: int = Field(
        default=200_000_000,
        ge=1_000,
        description="Largest upload of the Data page, in bytes. `rlhb import` reads files of any size.",
    )

    max_streams_per_person: int = Field(
        default=20,
        ge=1,
        description="Answers that one person may have on their way at a time: events of open pages, downloads.",
    )
    max_streams: int = Field(
        default=600,
        ge=1,
        description="Such answers of all people together; more are asked to come back in a few seconds.",
    )

    @model_validator(mode="after")
    def _loopback_unless_told(self) -> "Settings":
        if not self.team and not self.allow_remote and not is_loopback(self.host):
            raise ValueError(
                f"host {self.host} can be reached by other machines and there are no accounts yet; use 127.0.0.1, or "
                "let people sign in with RLHB_TEAM=true (--team), or set RLHB_ALLOW_REMOTE=true (--allow-remote) if "
                "anyone may do anything"
            )
        return self

    @model_validator(mode="after")
    def _that_go_together(self) -> "Settings":
        for check in (
            settings_rules.check_tls,
            settings_rules.check_names,
            settings_rules.check_providers,
        ):
            check(self)
        return self

    @property
    def speaks_tls(self) -> bool:
        """Whether people sign in over TLS, whoever speaks it."""
        return self.team and not self.insecure_http

    @property
    def origin(self) -> str:
        """Scheme, name and port that people open; empty if that is for a proxy to know."""
        if self.public_url:
            return self.public_url.rstrip("/")
        if self.behind_proxy or self.host in ("0.0.0.0", "::"):  # noqa: S104
            return ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.tls_certificate else 'http'}://{host}:{self.port}"

    @property
    def proxies(self) -> list[str]:
        """Addresses and networks of proxies that are believed."""
        return [each.strip() for each in self.trusted_proxies.split(",") if each.strip()]

    @property
    def known_names(self) -> list[str]:
        """`model_names` one by one."""
        return [each.strip() for each in self.model_names.split(",") if each.strip()]

    @property
    def database(self) -> str:
        """Address of the database in use. May hold a password: never log it."""
        if self.database_url:
            return self.database_url
        return f"sqlite:///{self.data_dir.resolve() / 'rlhb.sqlite'}"

    @property
    def uploads_dir(self) -> Path:
        """Where files that a browser sends lie while they are read."""
        return self.data_dir.resolve() / "uploads"

    @property
    def sqlite_file(self) -> Path | None:
        """The database's file, or None if it is none of SQLite's."""
        scheme, _, path = self.database.partition(":///")
        if scheme.partition("+")[0] != "sqlite" or not path:
            return None
        return Path(path.partition("?")[0]).resolve()

    @property
    def runs_dir(self) -> Path:
        """Where the run folders lie."""
        return self.data_dir.resolve() / "runs"
