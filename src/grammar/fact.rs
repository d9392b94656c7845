//! The facts that a grammar may capture: the vocabulary of the names in braces.

use serde::{Deserialize, Serialize};

macro_rules! facts {
    ($($variant:ident $name:literal $about:literal $kind:ident;)*) => {
        /// A typed value captured from a record.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[repr(u8)]
        pub enum Fact {
            $(#[doc = $about] #[serde(rename = $name)] $variant,)*
        }

        impl Fact {
            /// All facts, in the order of the reference.
            pub const ALL: &'static [Fact] = &[$(Fact::$variant,)*];

            /// The name that patterns use.
            pub fn name(self) -> &'static str {
                match self { $(Fact::$variant => $name,)* }
            }

            /// What it is, in half a sentence.
            pub fn about(self) -> &'static str {
                match self { $(Fact::$variant => $about,)* }
            }

            /// The kind that a capture of this name has when the pattern names none.
            pub fn default_kind(self) -> Kind {
                match self { $(Fact::$variant => Kind::$kind,)* }
            }
        }
    };
}

facts! {
    ClientId "client_id" "the MQTT client ID" Text;
    ClientName "client_name" "the client ID, or the client's address where the broker does not know the ID" Text;
    ClientIdEnd "client_id_end" "what follows the last raw line feed of a client ID that the record repeats with commas in their place" Text;
    Username "username" "the username that the client sent" Text;
    ClientIp "client_ip" "the client's address" Ip;
    ClaimedIp "claimed_ip" "the client's address as a header says that anybody who reaches the listener may write" Ip;
    ClientPort "client_port" "the client's port" Port;
    ServerPort "server_port" "the port of the listener" Port;
    Subject "subject" "the subject of the client's certificate" Text;
    Connection "connection" "what names the connection in this log: an Erlang pid, a number" Word;
    Thread "thread" "what names the writer: only its own records follow each other" Word;
    Transport "transport" "what says whether the listener uses TLS, in the words of tls_transports and plain_transports" Text;
    UpstreamIp "upstream_ip" "a terminator's own address on its way to the broker" Ip;
    UpstreamPort "upstream_port" "a terminator's own port on its way to the broker" Port;
    SentBytes "sent_bytes" "how many bytes a terminator passed on to the client" Int;
    EndsAfter "ends_after" "how many milliseconds after the record's stamp the session ended" Int;
    Lasted "lasted" "how many seconds before the record's stamp the session began" Word;
    Words "words" "the broker's own words for what went wrong" Text;
    Code "code" "a return or reason code" Int;
    Tls "tls" "whether the connection used TLS" Bool;
    PasswordProvided "password_provided" "whether a password was sent" Bool;
    ConnectFlags "connect_flags" "the flags of the CONNECT: bit 6 says whether a password was sent, bit 7 a username" Number;
    ConnectPacket "connect_packet" "the bytes of a CONNECT, in hexadecimal or as Erlang writes them; read, never shown" Hexes;
    ConnectHead "connect_head" "the same, for the spelling of the names that other records show, and for whether there is a password" Hexes;
    Secret "secret" "a password or another secret: never stored, never shown" Text;
    Ignored "_" "text that means nothing to us" Text;
}

impl Fact {
    /// How many facts there are.
    pub const COUNT: usize = Fact::ALL.len();

    /// The fact of this name.
    pub fn from_name(name: &str) -> Option<Fact> {
        Fact::ALL.iter().copied().find(|fact| fact.name() == name)
    }
}

/// What a capture accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Any bytes, also none; delimited by what stands around it.
    Text,
    /// Any bytes but a line feed.
    Line,
    /// Any bytes: the value of the same fact, captured before, goes on to here.
    More,
    /// One or more bytes without white space.
    Word,
    /// An IPv4 or IPv6 address.
    Ip,
    /// An address, or what brokers print in its place: a socket's path, or `(null)`.
    Peer,
    /// 0 to 65535.
    Port,
    /// A decimal number, perhaps negative.
    Int,
    /// A hexadecimal number.
    Hex,
    /// Text in single or double quotes with backslash escapes, which are undone (C, JSON, Rust and X.509 names).
    Quoted,
    /// Text in double quotes as Rust's `{:?}` writes it: `\0` is a NUL, whatever follows it.
    Rust,
    /// Any bytes, in which quotes, backslashes and closing brackets may be escaped as in syslog's structured data.
    Structured,
    /// An Erlang term: a binary or string (`<<"a">>`, `<<97>>`, `"a"`, `[97]`), whose text is the value, or an atom.
    Erlang,
    /// The same where each code is a byte, as of a list that was made of a binary: what is no UTF-8 is replaced.
    ErlangBytes,
    /// Any bytes, in UTF-8 that was taken for Latin-1 and encoded a second time.
    Latin1,
    /// Any bytes; where they cannot be printed, a list of characters or a binary as Erlang writes them.
    Printed,
    /// A decimal number, or a hexadecimal one after `0x`.
    Number,
    /// `true` or `false`.
    Bool,
    /// Bytes as hexadecimal digits, perhaps with blanks, commas or colons between them.
    Hexes,
}

impl Kind {
    /// All kinds, in the order of the reference.
    pub const ALL: &'static [Kind] = &[
        Kind::Text,
        Kind::Line,
        Kind::More,
        Kind::Word,
        Kind::Ip,
        Kind::Peer,
        Kind::Port,
        Kind::Int,
        Kind::Hex,
        Kind::Quoted,
        Kind::Rust,
        Kind::Structured,
        Kind::Erlang,
        Kind::ErlangBytes,
        Kind::Latin1,
        Kind::Printed,
        Kind::Number,
        Kind::Bool,
        Kind::Hexes,
    ];

    /// The name that patterns use.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Line => "line",
            Kind::More => "more",
            Kind::Word => "word",
            Kind::Ip => "ip",
            Kind::Peer => "peer",
            Kind::Port => "port",
            Kind::Int => "int",
            Kind::Hex => "hex",
            Kind::Quoted => "quoted",
            Kind::Rust => "rust",
            Kind::Structured => "structured",
            Kind::Erlang => "erlang",
            Kind::ErlangBytes => "erlang-bytes",
            Kind::Latin1 => "latin1",
            Kind::Printed => "printed",
            Kind::Number => "number",
            Kind::Bool => "bool",
            Kind::Hexes => "hexes",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// Whether a client could put anything it likes into such a capture.
    pub fn is_free(self) -> bool {
        matches!(self, Kind::Text | Kind::Line | Kind::More | Kind::Latin1 | Kind::Printed | Kind::Structured)
    }
}
