//! Settings of channels: the sections of the file, named as in Centrifugo 6 so that its files can
//! be taken over, and what the server makes of them.

mod convert;
pub mod fields;
pub mod raw;
mod settings;
mod span;
#[cfg(test)]
mod tests;
pub(super) mod tree;

pub use settings::{
    ChannelSettings, ClientProxyNames, ClientSettings, HttpApiSettings, ProxySettings, UserRates, WebSocketSettings,
};
pub use span::Span;
