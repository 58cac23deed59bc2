//! Signatures put together field by field, to have those that no tool would make.

use base64ct::{Base64, Encoding};
use ssh_key::private::{EcdsaKeypair, Ed25519Keypair, KeypairData};
use ssh_key::public::{KeyData, SkEcdsaSha2NistP256, SkEd25519};
use ssh_key::rand_core::OsRng;
use ssh_key::sha2::{Digest, Sha256, Sha512};
use ssh_key::{EcdsaCurve, PublicKey, SigningKey};

const APPLICATION: &str = "ssh:";
const COUNTER: [u8; 4] = [0, 0, 0, 9];

/// The fields of a signature, in the order of the format.
#[derive(Clone)]
pub(crate) struct Forged {
    pub(crate) version: u32,
    pub(crate) public_key: PublicKey,
    pub(crate) namespace: String,
    pub(crate) reserved: Vec<u8>,
    pub(crate) hash: &'static str,
    pub(crate) signature: Vec<u8>,
    pub(crate) left_over: Vec<u8>,
}

impl Forged {
    /// A signature file in the accepted layout.
    pub(crate) fn armor(&self) -> String {
        let mut blob = b"SSHSIG".to_vec();
        blob.extend(self.version.to_be_bytes());
        put(&mut blob, &self.public_key.to_bytes().expect("encodable"));
        put(&mut blob, self.namespace.as_bytes());
        put(&mut blob, &self.reserved);
        put(&mut blob, self.hash.as_bytes());
        put(&mut blob, &self.signature);
        blob.extend(&self.left_over);
        armor(&blob)
    }

    /// `type base64` of the key.
    pub(crate) fn key_line(&self) -> String {
        let line = self.public_key.to_openssh().expect("encodable");
        line.trim_end().to_owned()
    }
}

fn armor(blob: &[u8]) -> String {
    let base64 = Base64::encode_string(blob);
    let mut out = String::from("-----BEGIN SSH SIGNATURE-----\n");
    for line in base64.as_bytes().chunks(70) {
        out.push_str(std::str::from_utf8(line).expect("base64"));
        out.push('\n');
    }
    out.push_str("-----END SSH SIGNATURE-----\n");
    out
}

/// A good Ed25519 signature, with bytes of the reserved field signed over.
pub(crate) fn ed25519(namespace: &str, reserved: &[u8], message: &[u8]) -> Forged {
    let pair = KeypairData::from(Ed25519Keypair::from_seed(&[7; 32]));
    let (public, raw) = raw_signature(&pair, &signed_data(namespace, reserved, message));
    let mut signature = Vec::new();
    put(&mut signature, b"ssh-ed25519");
    put(&mut signature, &raw);
    forged(public, namespace, reserved, signature)
}

/// What a FIDO token with an Ed25519 key makes.
pub(crate) fn token_ed25519(namespace: &str, flags: u8, message: &[u8]) -> Forged {
    let pair = KeypairData::from(Ed25519Keypair::from_seed(&[8; 32]));
    let (public, raw) = raw_signature(&pair, &token_data(namespace, flags, message));
    let inner = *public.ed25519().expect("Ed25519");
    let public = KeyData::SkEd25519(SkEd25519::new(inner, APPLICATION));
    token(public, namespace, flags, "sk-ssh-ed25519@openssh.com", &raw)
}

/// What a FIDO token with a P-256 key makes.
pub(crate) fn token_p256(namespace: &str, flags: u8, message: &[u8]) -> Forged {
    let pair = EcdsaKeypair::random(&mut OsRng, EcdsaCurve::NistP256).expect("randomness");
    let pair = KeypairData::from(pair);
    let (public, raw) = raw_signature(&pair, &token_data(namespace, flags, message));
    let Some(ssh_key::public::EcdsaPublicKey::NistP256(point)) = public.ecdsa() else {
        panic!("not P-256");
    };
    let public = KeyData::SkEcdsaSha2NistP256(SkEcdsaSha2NistP256::new(*point, APPLICATION));
    let name = "sk-ecdsa-sha2-nistp256@openssh.com";
    token(public, namespace, flags, name, &raw)
}

fn token(public: KeyData, namespace: &str, flags: u8, name: &str, raw: &[u8]) -> Forged {
    let mut signature = Vec::new();
    put(&mut signature, name.as_bytes());
    put(&mut signature, raw);
    signature.push(flags);
    signature.extend(COUNTER);
    forged(public, namespace, &[], signature)
}

fn forged(public: KeyData, namespace: &str, reserved: &[u8], signature: Vec<u8>) -> Forged {
    Forged {
        version: 1,
        public_key: PublicKey::from(public),
        namespace: namespace.to_owned(),
        reserved: reserved.to_owned(),
        hash: "sha512",
        signature,
        left_over: Vec::new(),
    }
}

/// The bytes that a key signs for a message.
fn signed_data(namespace: &str, reserved: &[u8], message: &[u8]) -> Vec<u8> {
    let mut data = b"SSHSIG".to_vec();
    put(&mut data, namespace.as_bytes());
    put(&mut data, reserved);
    put(&mut data, b"sha512");
    put(&mut data, &Sha512::digest(message));
    data
}

/// The bytes that a token signs for a message.
fn token_data(namespace: &str, flags: u8, message: &[u8]) -> Vec<u8> {
    let mut data = Sha256::digest(APPLICATION).to_vec();
    data.push(flags);
    data.extend(COUNTER);
    data.extend(Sha256::digest(signed_data(namespace, &[], message)));
    data
}

fn raw_signature(pair: &KeypairData, data: &[u8]) -> (KeyData, Vec<u8>) {
    // A type parameter brings the trait's methods along.
    fn sign<K: SigningKey>(key: &K, data: &[u8]) -> (KeyData, Vec<u8>) {
        let signature = key.try_sign(data).expect("signs");
        (key.public_key(), signature.as_bytes().to_vec())
    }
    let key = ssh_key::PrivateKey::new(pair.clone(), "").expect("a plain key");
    sign(&key, data)
}

fn put(out: &mut Vec<u8>, string: &[u8]) {
    let length = u32::try_from(string.len()).expect("short");
    out.extend(length.to_be_bytes());
    out.extend(string);
}
