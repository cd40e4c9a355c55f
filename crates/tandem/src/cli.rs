//! The flags.

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};
use std::net::IpAddr;
use std::path::PathBuf;

/// Real-time server: WebRTC and WebSocket, in tandem.
#[derive(Debug, Parser)]
#[command(
    name = "tandem",
    version,
    about,
    after_help = "Examples:
  tandem serve --dev                                   try it on this machine: http://127.0.0.1:7880
  tandem serve --public-ip 203.0.113.7                 in the open, with keys it makes for itself
  tandem token --dev --room demo --identity ana        a token for LiveKit clients
  tandem config example > tandem.yaml                  every setting, explained
  tandem send film.mkv                                 prints a code; the other side: tandem receive CODE"
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server.
    Serve(Box<Serve>),
    /// Print an access token.
    Token(Box<Token>),
    /// Check a configuration file, or print an example or its schema.
    Config {
        #[command(subcommand)]
        command: Config,
    },
    /// Say what is wrong, and what to do about it.
    Doctor(Box<Doctor>),
    /// Send files to whoever has the code.
    Send(Box<Send>),
    /// Receive files that somebody sends.
    Receive(Box<Receive>),
}

/// Look at this machine, or at a server from here, and say in sentences what is wrong.
///
/// Ends with 1 if anything does not work. In a browser, the page /doctor does the same.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tandem doctor --config tandem.yaml                   before the server is started: ports, buffers, certificate
  tandem doctor --server https://meet.example          from where somebody cannot connect")]
pub(crate) struct Doctor {
    /// A server to look at from here; without it, this machine
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// Token that may join a room, where rooms are not open
    #[arg(long, env = "TANDEM_TOKEN", value_name = "T", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// YAML file of the server
    #[arg(long, env = "TANDEM_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// As a development server would listen
    #[arg(long, env = "TANDEM_DEV", value_parser = FalseyValueParser::new())]
    pub(crate) dev: bool,
    /// Data directory
    #[arg(long, env = "TANDEM_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// HTTP port
    #[arg(long, env = "TANDEM_PORT", value_name = "N")]
    pub(crate) port: Option<u16>,
    /// One JSON list, for scripts
    #[arg(long)]
    pub(crate) json: bool,
}

/// Send files and folders of any size to whoever has the code: another terminal, or the page /files.
///
/// They pass through the server and are not kept there. What breaks off goes on where it was.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tandem send film.mkv                                 prints a code; ends when it has arrived
  tandem send --server https://meet.example photos/    through another server
  tandem send --keep report.pdf                        to as many as come")]
pub(crate) struct Send {
    /// Files and folders
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// The server
    #[arg(long, env = "TANDEM_SERVER", value_name = "URL", default_value = "http://127.0.0.1:7880")]
    pub(crate) server: String,
    /// Token that may join a room, where rooms are not open to everybody
    #[arg(long, env = "TANDEM_TOKEN", value_name = "T", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// Stay until interrupted, for several receivers
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Receive files under a code that the sender has.
///
/// Every part is checked. If it breaks off, the same command goes on where it was.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tandem receive 4821-maple-otter
  tandem receive --yes --to ~/Downloads 4821 maple otter")]
pub(crate) struct Receive {
    /// The code; hyphens or spaces
    #[arg(required = true, value_name = "CODE", num_args = 1.., value_delimiter = ' ')]
    pub(crate) code: Vec<String>,
    /// The server
    #[arg(long, env = "TANDEM_SERVER", value_name = "URL", default_value = "http://127.0.0.1:7880")]
    pub(crate) server: String,
    /// Folder for the files
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) to: PathBuf,
    /// Take everything without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Run the server. The first line on standard output is JSON and says which ports it has.
///
/// Flags win over the environment, the environment wins over the file.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tandem serve --dev
  tandem serve --dev --bind 0.0.0.0 --port 8080        also for other machines of a trusted network
  tandem serve --config tandem.yaml --log-level debug
  TANDEM_KEYS='mykey: a-long-secret' tandem serve --public-ip 203.0.113.7")]
pub(crate) struct Serve {
    /// Development: keys devkey/secret, loopback only, rooms open to everybody
    #[arg(long, env = "TANDEM_DEV", value_parser = FalseyValueParser::new())]
    pub(crate) dev: bool,
    /// YAML file with settings; "tandem config example" prints one
    #[arg(long, env = "TANDEM_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Address to listen on [default: all, with --dev loopback]
    #[arg(long, env = "TANDEM_BIND", value_name = "ADDR")]
    pub(crate) bind: Option<IpAddr>,
    /// HTTP, WebSocket, API and web app; 0 takes a free port [default: 7880]
    #[arg(long, env = "TANDEM_PORT", value_name = "N")]
    pub(crate) port: Option<u16>,
    /// Media over UDP, further shards take the following ports; 0 takes free ports [default: 7882]
    #[arg(long, env = "TANDEM_UDP_PORT", value_name = "N")]
    pub(crate) udp_port: Option<u16>,
    /// Media over TCP; 0 takes a free port [default: 7881]
    #[arg(long, env = "TANDEM_TCP_PORT", value_name = "N")]
    pub(crate) tcp_port: Option<u16>,
    /// STUN and TURN, UDP and TCP; 0 takes a free port [default: 3478]
    #[arg(long, env = "TANDEM_TURN_PORT", value_name = "N")]
    pub(crate) turn_port: Option<u16>,
    /// Media threads [default: one less than the processors]
    #[arg(long, env = "TANDEM_SHARDS", value_name = "N")]
    pub(crate) shards: Option<usize>,
    /// Directory for generated keys and state [default: ./data]
    #[arg(long, env = "TANDEM_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Address clients reach this server at; may be repeated [default: found out]
    #[arg(long, env = "TANDEM_PUBLIC_IP", value_name = "ADDR", value_delimiter = ',')]
    pub(crate) public_ip: Vec<IpAddr>,
    /// API keys and secrets, separated by commas or lines
    #[arg(long, env = "TANDEM_KEYS", value_name = "\"K: SECRET\"", hide_env_values = true)]
    pub(crate) keys: Option<String>,
    /// error, warn, info, debug, trace, or a filter; RUST_LOG works too [default: info]
    #[arg(long, env = "TANDEM_LOG_LEVEL", value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
    /// Log one JSON object per line
    #[arg(long, env = "TANDEM_LOG_JSON", value_parser = FalseyValueParser::new())]
    pub(crate) log_json: bool,
}

/// Print an access token (JWT) for LiveKit clients, for clients of channels, and for the server API.
///
/// The key is taken from --key and --secret, from --dev, from --keys, from the configuration
/// file, or from the data directory of a server that made its own; the first of these that is there.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  tandem token --dev --identity ana --room demo
  tandem token --identity ana --name 'Ana María' --room demo --ttl 30m --key K --secret S
  echo '{\"roomCreate\":true,\"roomList\":true,\"roomAdmin\":true}' > admin.json
  tandem token --room demo --grant admin.json          for the server API
  tandem token --dev --identity 42 --channels          for a client of channels
  tandem token --dev --identity 42 --channels news,chat:lobby        that the server subscribes to these
  tandem token --dev --identity 42 --channel '$vip'    for its subscription to this one")]
pub(crate) struct Token {
    /// Who; needed to join a room
    #[arg(long, value_name = "ID")]
    pub(crate) identity: Option<String>,
    /// Display name
    #[arg(long, value_name = "N")]
    pub(crate) name: Option<String>,
    /// Room to join; with --grant, the room the grant is for
    #[arg(long, value_name = "R")]
    pub(crate) room: Option<String>,
    /// For a connection to channels; the server subscribes it to those named
    #[arg(long, value_name = "A,B", value_delimiter = ',', num_args = 0..)]
    pub(crate) channels: Option<Vec<String>>,
    /// For a subscription to this channel
    #[arg(long, value_name = "C", conflicts_with_all = ["room", "grant", "channels"])]
    pub(crate) channel: Option<String>,
    /// How long it is good for: seconds, or a number with s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "6h")]
    pub(crate) ttl: String,
    /// JSON file with a LiveKit video grant, such as {"roomAdmin":true}
    #[arg(long, value_name = "FILE")]
    pub(crate) grant: Option<PathBuf>,
    /// Key to sign with
    #[arg(long, value_name = "K", requires = "secret")]
    pub(crate) key: Option<String>,
    /// Its secret
    #[arg(long, value_name = "S", requires = "key")]
    pub(crate) secret: Option<String>,
    /// Sign with the development key
    #[arg(long, env = "TANDEM_DEV", value_parser = FalseyValueParser::new())]
    pub(crate) dev: bool,
    /// API keys and secrets; the first one signs
    #[arg(long, env = "TANDEM_KEYS", value_name = "\"K: SECRET\"", hide_env_values = true)]
    pub(crate) keys: Option<String>,
    /// YAML file of the server
    #[arg(long, env = "TANDEM_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Data directory of the server [default: ./data]
    #[arg(long, env = "TANDEM_DATA", value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Say what is wrong with a file
    Check {
        /// The YAML file
        file: PathBuf,
    },
    /// Print the JSON schema of the file
    Schema,
    /// Print a file with every setting at its default, explained
    Example,
}
