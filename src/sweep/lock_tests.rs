use super::*;

#[test]
fn one_history_has_one_lock_whatever_leads_to_it() {
    let folder = std::env::temp_dir().join(format!("rdprint-lock-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("x")).unwrap();
    let history = folder.join("h.db");
    let held = |path: &Path| matches!(Lock::take(path, "test"), Err(LockError::Held { .. }));
    // Before the history is there, and afterwards.
    for _ in 0..2 {
        let lock = Lock::take(&history, "test").unwrap();
        let dots = folder.join("x").join("..").join("h.db");
        assert!(held(&history) && held(&dots));
        #[cfg(unix)]
        {
            let link = folder.join("x").join("link.db");
            let _is_there_already = std::os::unix::fs::symlink("../h.db", &link);
            assert!(held(&link));
        }
        drop(lock);
        assert!(!held(&dots));
        std::fs::write(&history, "").unwrap();
    }
    std::fs::remove_dir_all(&folder).unwrap();
}
