//! Log, attachments, e-mail, traces and the external call.

use super::{Default, Group, Setting};

pub(super) const LOG: Group = Group {
    title: "Log",
    settings: &[
        Setting::new(
            "LOG_LEVEL",
            "Least severe lines that are logged. `DEBUG` changes the default to `debug`",
        ),
        Setting::new("LOG_FORMAT", "Format of log lines, on standard error"),
    ],
};

pub(super) const ATTACHMENTS: Group = Group {
    title: "Attachments",
    settings: &[
        Setting::new(
            "UPLOAD_DIR",
            "Path of the directory for attachments. Use it for one database only: files that the database does not know \
             are removed",
        )
        .with_default(Default::Value("./uploads"))
        .packaged(),
        Setting::new(
            "STORAGE_URL",
            "Storage for attachments in place of `UPLOAD_DIR`. s3:// uses AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, \
             AWS_REGION, AWS_ENDPOINT_URL and AWS_ALLOW_HTTP, as Amazon's tools do",
        )
        .with_default(Default::Described("`UPLOAD_DIR`")),
        Setting::new(
            "UPLOAD_QUOTA_PER_USER_BYTES",
            "Bytes of attachments that one user may store; 0 is no limit",
        ),
        Setting::new(
            "UPLOAD_QUOTA_BYTES",
            "Bytes of attachments that all users together may store; 0 is no limit",
        ),
    ],
};

pub(super) const MAIL: Group = Group {
    title: "E-mail",
    settings: &[
        Setting::new(
            "SMTP_URL",
            "Mail server that sends notifications: smtps://user:password@host, or \
             smtp://user:password@host:587?tls=required for STARTTLS",
        ),
        Setting::new("MAIL_FROM", "Sender's address of mails"),
        Setting::new(
            "MAIL_MAX_PER_HOUR",
            "Most mails to one address in a clock hour; 0 is no limit. Further notifications are only in the app",
        ),
        Setting::new(
            "PUBLIC_URL",
            "URL of your front end, such as https://tasks.example.com. Verification mails link to its page \
             /verify-email?token=..., which calls `emailVerify`; without it they contain the token",
        ),
    ],
};

pub(super) const TRACES: Group = Group {
    title: "Traces",
    settings: &[Setting::new(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "Trace collector that accepts OTLP over HTTP, such as http://localhost:4318",
    )],
};

pub(super) const EXTERNAL: Group = Group {
    title: "External call",
    settings: &[
        Setting::new("EXTERNAL_URL", "URL that `GET /async/external` calls"),
        Setting::new(
            "EXTERNAL_TIMEOUT_SECONDS",
            "Longest time for the call of `EXTERNAL_URL`, in seconds",
        ),
    ],
};
