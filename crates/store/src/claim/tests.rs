//! Tests of claims.

use super::*;
use std::sync::atomic::AtomicUsize;

fn ours(taken: Taken) -> Claim {
    match taken {
        Taken::Ours(claim) => claim,
        other => panic!("{other:?}"),
    }
}

/// As if a process of another machine had claimed it and beaten last when the file was written.
fn plant(folder: &Path, name: &str, generation: u64, owner: serde_json::Value) {
    fs::write(path(folder, name, generation), serde_json::to_vec(&owner).unwrap()).unwrap();
}

fn far() -> serde_json::Value {
    serde_json::json!({"pid": 1, "started": "9", "boot": "b", "host": "elsewhere"})
}

#[test]
fn of_many_one_holds() {
    let dir = tempfile::tempdir().unwrap();
    let claims = Claims::open(dir.path().join("claims")).unwrap();
    let (now, most, all) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..50 {
                    if let Taken::Ours(claim) = claims.take("a").unwrap() {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                        all.fetch_add(1, Ordering::SeqCst);
                        drop(claim);
                    }
                }
            });
        }
    });
    assert_eq!(most.into_inner(), 1);
    assert!(all.into_inner() > 0);
    assert_eq!(fs::read_dir(dir.path().join("claims")).unwrap().count(), 0, "nothing is left");
}

#[test]
fn the_dead_are_succeeded_and_the_slow_find_out() {
    let dir = tempfile::tempdir().unwrap();
    let claims = Claims::open(dir.path()).unwrap().with_lease(Duration::from_millis(300));
    plant(dir.path(), "a", 0, far());
    assert!(matches!(claims.take("a").unwrap(), Taken::Busy(who) if who == "process 1 on elsewhere"));
    assert_eq!(claims.held_names().unwrap(), ["a"]);
    std::thread::sleep(Duration::from_millis(450));
    assert!(claims.held_names().unwrap().is_empty());
    let second = ours(claims.take("a").unwrap());
    assert_eq!(second.generation(), 1);
    assert!(matches!(claims.take("a").unwrap(), Taken::Busy(_)), "it beats");
    std::thread::sleep(Duration::from_millis(450));
    assert!(matches!(claims.take("a").unwrap(), Taken::Busy(_)), "it still beats");
    assert!(!second.is_lost());
    // Another process takes it for dead: it finds out.
    plant(dir.path(), "a", 2, far());
    assert!(second.is_lost());
    drop(second);
    assert!(matches!(claims.take("a").unwrap(), Taken::Busy(_)), "the later generation keeps the first one out");
    claims.clear("a").unwrap();
    assert_eq!(ours(claims.take("a").unwrap()).generation(), 0);
}

#[test]
fn a_killed_process_of_this_machine_is_succeeded_at_once_but_not_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let claims = Claims::open(dir.path()).unwrap();
    let mut owner = serde_json::to_value(Owner::of_this_process()).unwrap();
    owner["started"] = "1".into();
    plant(dir.path(), "a", 0, owner.clone());
    assert_eq!(ours(claims.take("a").unwrap()).generation(), 1);
    plant(dir.path(), "b", DEATHS - 1, owner);
    plant(dir.path(), "b", 0, far());
    assert!(matches!(claims.take("b").unwrap(), Taken::Deadly(n) if n == DEATHS));
}

#[test]
fn an_earlier_instance_of_a_task_is_over() {
    let here = Holder { task: "7/3".to_owned(), restart: 2, ..Holder::of_this_process() };
    let mut earlier: Holder = serde_json::from_value(far()).unwrap();
    assert!(!earlier.is_gone(&here));
    earlier.task = "7/3".to_owned();
    earlier.restart = 1;
    assert!(earlier.is_gone(&here));
    earlier.restart = 2;
    assert!(!earlier.is_gone(&here));
    (earlier.restart, earlier.task) = (1, "7/4".to_owned());
    assert!(!earlier.is_gone(&here));
}
