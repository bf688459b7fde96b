//! Which names are those of secrets. Names only; content isn't looked at.

/// Folders that hold keys.
const FOLDERS: &[&str] = &[".ssh", ".aws", ".azure", ".gnupg", ".kube", ".gcloud", ".password-store"];

/// Whole names.
const NAMES: &[&str] = &[
    ".env",
    ".envrc",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".git-credentials",
    ".htpasswd",
    ".dockercfg",
    ".vault-token",
    ".vault-pass",
    ".s3cfg",
    ".boto",
    ".terraformrc",
    "terraform.rc",
    "kubeconfig",
    "application_default_credentials.json",
    "master.key",
];

/// How names begin, with anything behind.
const PREFIXES: &[&str] = &[".env.", ".env-", "id_rsa", "id_ed25519", "id_ecdsa", "id_dsa"];

/// How names end, with anything before.
const SUFFIXES: &[&str] = &[
    ".env",
    ".pem",
    ".key",
    ".p12",
    ".pfx",
    ".p8",
    ".jks",
    ".keystore",
    ".kdbx",
    ".ppk",
    ".gpg",
    ".ovpn",
    ".kubeconfig",
    ".tfstate",
    ".tfstate.backup",
    ".tfvars",
    ".tfvars.json",
];

/// Names of data that is secret under any data format: `credentials.json`, `secrets.yml`.
const STEMS: &[&str] = &["credentials", ".credentials", "secrets", ".secrets"];

/// How such stems may begin: `client_secret_123.json`.
const STEM_PREFIXES: &[&str] =
    &["client_secret", "service-account", "service_account", "serviceaccount", "credentials"];

/// Formats of data, as opposed to code: `credentials.rs` is no secret.
const DATA_EXTENSIONS: &[&str] =
    &["", "json", "toml", "yml", "yaml", "ini", "cfg", "conf", "csv", "xml", "properties", "db", "txt", "enc"];

/// Samples that are made to be shared: `.env.example`.
const SAMPLES: &[&str] = &[".example", ".sample", ".template", ".dist", ".defaults", ".tmpl"];

/// Whether a file is taken for a secret by its name. `parts` are the parts of its path, case doesn't matter.
pub fn is_secret(parts: &[&str]) -> bool {
    let parts: Vec<String> = parts.iter().map(|part| part.to_lowercase()).collect();
    let Some((name, folders)) = parts.split_last() else { return false };
    if folders.iter().any(|folder| FOLDERS.contains(&folder.as_str())) {
        return true;
    }
    if SAMPLES.iter().any(|sample| name.ends_with(sample)) {
        return false;
    }
    let is_docker = name == "config.json" && folders.last().is_some_and(|folder| folder == ".docker");
    // The last dot parts stem and extension, except at the start of the name.
    let (stem, extension) = match name.rfind('.') {
        Some(at) if at > 0 => (&name[..at], &name[at + 1..]),
        _ => (name.as_str(), ""),
    };
    let is_data = DATA_EXTENSIONS.contains(&extension)
        && (STEMS.contains(&stem) || STEM_PREFIXES.iter().any(|prefix| stem.starts_with(prefix)));
    is_docker
        || is_data
        || NAMES.contains(&name.as_str())
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        let secret = "
            .env .env.local .env.production .ENV .Env.Local prod.env .envrc cert.pem server.key KEY.PEM id_rsa id_rsa.pub
            id_ed25519 id_ed25519_sk .netrc .npmrc .pypirc keys.p12 app.keystore release.jks credentials credentials.json
            Credentials.csv .credentials.json credentials.yml.enc credentials-prod.json secrets.yml secrets.toml
            client_secret_1.json service-account-prod.json .aws/config home/.ssh/config .kube/config .docker/config.json
            terraform.tfstate prod.tfvars .pgpass .git-credentials vault.kdbx config/master.key .azure/tokens.json";
        let open = "
            .env.example .env.sample .env.template .ENV.EXAMPLE env.rs environment.ts src/env.ts credentials.rs
            credentials.py secrets.go keyboard.ts key.rs monkey.md pem.rs docs/secrets.md .docker/Dockerfile config.json
            id.rs identity_rsa.md package.json .gitignore tokens.json passwords.rs x.pub ssh/config aws/config.toml";
        for name in secret.split_whitespace() {
            assert!(is_secret(&name.split('/').collect::<Vec<_>>()), "{name}");
        }
        for name in open.split_whitespace() {
            assert!(!is_secret(&name.split('/').collect::<Vec<_>>()), "{name}");
        }
    }
}
