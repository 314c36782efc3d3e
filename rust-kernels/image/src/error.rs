//! Why a picture was refused.
use std::fmt::Display;

/// What is wrong with a picture.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The bytes are not a whole picture of the format they begin like.
    Invalid,
    /// The format, or a feature of it, is known and not supported.
    Unsupported,
    /// More pixels or more memory than allowed.
    TooLarge,
}

impl ErrorKind {
    /// The SDK's error code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid => "image_invalid",
            Self::Unsupported => "image_unsupported",
            Self::TooLarge => "image_too_large",
        }
    }
}

/// Why a picture was refused.
#[derive(Debug)]
pub struct Error {
    /// For programs.
    pub kind: ErrorKind,
    /// For people: what was got, what is allowed or wanted.
    pub message: String,
}

pub type Result<T> = std::result::Result<T, Error>;

pub fn invalid(message: impl Into<String>) -> Error {
    Error {
        kind: ErrorKind::Invalid,
        message: message.into(),
    }
}

pub fn unsupported(message: impl Into<String>) -> Error {
    Error {
        kind: ErrorKind::Unsupported,
        message: message.into(),
    }
}

pub fn too_large(message: impl Into<String>) -> Error {
    Error {
        kind: ErrorKind::TooLarge,
        message: message.into(),
    }
}

/// A decoder's own complaint, with the format's name in front.
pub fn broken(format: &str) -> impl Fn(&dyn Display) -> Error + '_ {
    move |error| invalid(format!("the {format} file is damaged or cut: {error}"))
}
