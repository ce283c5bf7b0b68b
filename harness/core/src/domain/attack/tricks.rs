//! What is done to a token or a signature, by name: these cannot be written down, since each user's and each moment's are
//! others.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is done to the attacker's access token. Where nothing else is said, the rest of it is the attacker's own.
#[derive(
    Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TokenTrick {
    /// `alg: none`, the victim's `sub`, no signature.
    AlgNone,
    /// The same, `NONE`.
    AlgNoneUpper,
    /// The same, `nOnE`.
    AlgNoneMixed,
    /// `alg: none` over the attacker's own signature.
    AlgNoneSigned,
    /// No `alg`.
    AlgMissing,
    /// An empty `alg`.
    AlgEmpty,
    /// `alg` is a list.
    AlgList,
    /// `RS384` over the RS256 signature.
    Rs384Label,
    /// `PS256` over it.
    Ps256Label,
    /// `ES256` over it.
    Es256Label,
    /// HS256 with the pool's public key (PEM) for a secret, the victim's `sub`.
    Hs256PublicKey,
    /// HS256 with the key's modulus as the JWKS has it.
    Hs256Modulus,
    /// HS256 with an empty secret.
    Hs256EmptyKey,
    /// HS512 with the public key.
    Hs512PublicKey,
    /// The victim's `sub`, signed by a stranger under the name of the pool's key.
    StrangersKey,
    /// The same under a name that nobody knows.
    StrangersKid,
    /// No `kid`.
    KidMissing,
    /// A `kid` that climbs to a file.
    KidTraversal,
    /// A `kid` that is SQL.
    KidSql,
    /// A `kid` that is a URL.
    KidUrl,
    /// A `kid` with NUL behind the pool's.
    KidNul,
    /// A `kid` that is a list.
    KidList,
    /// A `kid` of 4 KB.
    KidHuge,
    /// A stranger's key, named by `jku`.
    Jku,
    /// A stranger's key, named by `x5u`.
    X5u,
    /// A stranger's key, in the header.
    Jwk,
    /// `crit` names an extension.
    Crit,
    /// `b64: false`.
    UnencodedPayload,
    /// The victim's `sub` over the attacker's signature.
    SubOfVictim,
    /// `exp` in a century over the attacker's signature.
    ExpForever,
    /// The groups of an administrator over the attacker's signature.
    GroupsOfAdmin,
    /// Header and claims of the victim, the signature of the attacker.
    SignatureOfAttacker,
    /// Nothing behind the last dot.
    SignatureEmpty,
    /// Neither signature nor its dot.
    SignatureMissing,
    /// The last bytes cut off.
    SignatureTruncated,
    /// As many zeros.
    SignatureZeros,
    /// A fourth part.
    FourParts,
    /// Five parts, as of an encrypted token.
    FiveParts,
    /// Header and claims in the other order.
    PartsSwapped,
    /// As one object of JSON (RFC 7515, flattened).
    FlattenedJson,
    /// Parts with the padding of base64.
    Padded,
    /// Claims nested 10 000 deep.
    DeepClaims,
    /// The refresh token.
    RefreshToken,
    /// In the query, without a header.
    InQuery,
    /// In a cookie, without a header.
    InCookie,
    /// By the scheme `Basic`.
    BasicScheme,
    /// Without a scheme.
    WithoutScheme,
    /// Good, then bad, in one header.
    TwoInOneHeader,
    /// A bad header before a good one.
    BadBeforeGood,
    /// Good, by the scheme `bearer`; schemes have no case (RFC 9110).
    LowerCaseScheme,
    /// Signed by the pool, expired an hour ago.
    Expired,
    /// Signed by the pool, good in an hour.
    NotYetValid,
    /// Signed by the pool for another client.
    WrongAudience,
    /// Signed by the pool with another issuer.
    WrongIssuer,
    /// Signed by the pool with the other `token_use`.
    OtherTokenUse,
}

impl TokenTrick {
    /// Whether only the stage's own pool can make it: by a fault of the emulators' admin interface.
    pub fn is_minted(self) -> bool {
        matches!(
            self,
            Self::Expired
                | Self::NotYetValid
                | Self::WrongAudience
                | Self::WrongIssuer
                | Self::OtherTokenUse
        )
    }
}

/// What is done to the signature of an upload.
#[derive(
    Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SignatureTrick {
    /// Neither header.
    Missing,
    /// No timestamp.
    TimestampMissing,
    /// No signature.
    SignatureMissing,
    /// Another last digit.
    Altered,
    /// Of another body.
    OtherBody,
    /// Of another path.
    OtherPath,
    /// Of another method.
    OtherMethod,
    /// Of the method in lower case.
    LowerCaseMethod,
    /// Of the path with the slash that routers like to add.
    PathWithSlash,
    /// Of the path with a query, which is sent too.
    PathWithQuery,
    /// A second older than the window.
    Stale,
    /// Some seconds beyond the window.
    Future,
    /// Of the next second.
    OtherSecond,
    /// The older form over timestamp and body.
    Legacy,
    /// The older form with the last digit of the timestamp moved into the body.
    LegacyShifted,
    /// Used once, then again.
    Replayed,
    /// The same, in capitals.
    ReplayedInCapitals,
    /// Used once, then for another body.
    ReplayedForOtherBody,
    /// By another key.
    OtherKey,
    /// By a key of one zero byte, which HMAC takes for an empty one.
    ZeroKey,
    /// A bare SHA-256 of what is signed.
    Unkeyed,
    /// Its first 31 bytes.
    Truncated,
    /// Its first byte.
    OneByte,
    /// Itself twice.
    Doubled,
    /// One digit more.
    OneDigitMore,
    /// `sha256=` before it.
    Prefixed,
    /// In base64.
    InBase64,
    /// A bad header before the good one.
    BadBeforeGood,
    /// Another timestamp before the right one.
    TwoTimestamps,
}
