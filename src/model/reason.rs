//! The thirteen documented reasons, and `other`.

use serde::{Deserialize, Serialize};

/// A short list of reasons, mostly without memory of its own.
pub type Reasons = smallvec::SmallVec<[Reason; 16]>;

/// Which part of the server refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Client ID, username and password.
    Basic,
    /// Certificates and the TLS handshake.
    Tls,
    /// Everything else.
    Other,
}

macro_rules! reasons {
    ($($variant:ident $code:literal $title:literal $family:ident $cause:literal $solution:literal;)*) => {
        /// Why a connection attempt failed: one of the thirteen reasons that TBMQ documents, or `Other`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Reason {
            $(#[doc = $cause] #[serde(rename = $code)] $variant,)*
        }

        impl Reason {
            /// All of them, the documented ones first, in the order of the documentation.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The code that the API, the grammars and the store use.
            pub fn code(self) -> &'static str {
                match self { $(Reason::$variant => $code,)* }
            }

            /// The documented title.
            pub fn title(self) -> &'static str {
                match self { $(Reason::$variant => $title,)* }
            }

            /// Which part of the server refused.
            pub fn family(self) -> Family {
                match self { $(Reason::$variant => Family::$family,)* }
            }

            /// What happened, in a sentence for the operator.
            pub fn cause(self) -> &'static str {
                match self { $(Reason::$variant => $cause,)* }
            }

            /// What to do about it, in a sentence for the operator.
            pub fn solution(self) -> &'static str {
                match self { $(Reason::$variant => $solution,)* }
            }
        }
    };
}

reasons! {
    NoCredentialsFound "no-credentials-found" "No Credentials Found" Basic
        "Nothing that the server stores matches this client ID and username."
        "Check that the client ID and the username of the device are those of the stored credentials.";
    PasswordDoesNotMatch "password-does-not-match" "Password Does Not Match" Basic
        "The password that the client sent is not the stored one."
        "Give the device the right password, or set a new one on the server.";
    NoPasswordProvided "no-password-provided" "No Password Provided" Basic
        "The credentials ask for a password and the client sent none."
        "Have the device send its password.";
    CannotParseBasicCredentials "cannot-parse-basic-credentials" "Cannot Parse Basic Credentials" Basic
        "The username and password are malformed."
        "Check that the credentials, as stored and as sent, are well formed.";
    FailedToGetClientCertificateCn "failed-to-get-client-certificate-cn" "Failed to Get Client Certificate CN" Tls
        "The server could not read a common name from the client's certificate."
        "Give the client a certificate whose subject has a valid common name (CN).";
    X509AuthenticationFailure "x509-authentication-failure" "X509 Authentication Failure" Tls
        "The server does not trust the client's certificate chain."
        "Check that the chain is correct, in date, not revoked, and issued by an authority that the server trusts.";
    PeerIdentityNotVerified "peer-identity-not-verified" "Peer Identity Not Verified" Tls
        "The client's certificate is missing or invalid."
        "Make sure that the client has a valid certificate and is configured to send it.";
    NoCertificatesInChain "no-certificates-in-chain" "No Certificates in Chain" Tls
        "The certificate chain that the client sent is empty or incomplete."
        "Have the client send the whole chain with every intermediate certificate.";
    FailedToGetCertificateCn "failed-to-get-certificate-cn" "Failed to Get Certificate CN" Tls
        "A certificate of the chain has no common name."
        "Make sure that every certificate of the chain has a valid common name (CN).";
    NoAuthorizationRulesForCn "no-authorization-rules-for-cn" "No Authorization Rules for CN" Tls
        "The server has no authorization rules for this common name."
        "Add authorization rules for the certificate's common name.";
    SslHandlerNotConstructed "ssl-handler-not-constructed" "SSL Handler Not Constructed" Tls
        "The server's TLS handler was not initialised."
        "Check the server's TLS configuration: certificate, key and protocol settings.";
    NoMatchingX509CredentialsFound "no-matching-x509-credentials-found" "No Matching X509 Credentials Found" Tls
        "No stored X.509 credentials match the client's certificate chain."
        "Check the X.509 credentials that the server stores for this client.";
    CannotParseSslCredentials "cannot-parse-ssl-credentials" "Cannot Parse SSL Credentials" Tls
        "The X.509 credentials are malformed."
        "Check that the certificate, as stored and as sent, is well formed.";
    Other "other" "Other" Other
        "The broker refused for a reason outside the documented ones; its own words say which."
        "Read the broker's words in the reason and the evidence lines.";
}

impl Reason {
    /// The reason with this code.
    pub fn from_code(code: &str) -> Option<Reason> {
        Reason::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.code())
    }
}
