//! The list of migrations. A new one is a file in `migrations/` and a line here; how they are
//! written is said in [`migrate`](super::Migration).

use super::Migration;

/// `migration!("7_name.sql")`: the file of that name in `migrations/`.
#[macro_export]
macro_rules! migration {
    ($file:literal) => {
        $crate::db::Migration::new(
            $file,
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/", $file)),
        )
    };
}

/// Every migration, oldest first.
pub const MIGRATIONS: &[Migration] = &[
    migration!("1_settings.sql"),
    migration!("2_counters.sql"),
    migration!("3_nodes.sql"),
    migration!("4_changes.sql"),
    migration!("5_changes_until.sql"),
    migration!("6_users.sql"),
    migration!("7_identifiers.sql"),
    migration!("8_identifiers_user.sql"),
    migration!("9_passwords.sql"),
    migration!("10_sessions.sql"),
    migration!("11_sessions_user.sql"),
    migration!("12_sessions_expiry.sql"),
    migration!("13_revocations.sql"),
    migration!("14_revocations_until.sql"),
    migration!("15_signing_keys.sql"),
    migration!("16_events.sql"),
    migration!("17_events_user.sql"),
    migration!("18_failures.sql"),
    migration!("19_failures_last.sql"),
    migration!("20_imports.sql"),
    migration!("21_outbox.sql"),
    migration!("22_outbox_due.sql"),
    migration!("23_api_keys.sql"),
    migration!("24_leases.sql"),
    migration!("25_event_seals.sql"),
    migration!("26_events_seal.sql"),
    migration!("27_events_by_seal.sql"),
    migration!("28_admins.sql"),
    migration!("29_admins_found.sql"),
    migration!("30_passwords_expired.sql"),
    migration!("31_events_kind.sql"),
    migration!("32_invitations.sql"),
    migration!("33_invitations_expiry.sql"),
    migration!("34_sessions_status.sql"),
    migration!("35_ended_statuses.sql"),
    migration!("36_ended_statuses_until.sql"),
    migration!("37_sessions_live.sql"),
    migration!("38_events_user_kind.sql"),
    migration!("39_events_subject.sql"),
    migration!("40_sessions_network.sql"),
    migration!("41_sessions_by_network.sql"),
    migration!("42_rate_limits.sql"),
    migration!("43_rate_limits_until.sql"),
];

#[cfg(test)]
mod tests {
    use super::MIGRATIONS;

    #[test]
    fn migrations_are_numbered_without_gaps() {
        let versions = MIGRATIONS.iter().map(|migration| migration.version);
        assert!(versions.eq(1..=u32::try_from(MIGRATIONS.len()).expect("there are few")));
    }
}
