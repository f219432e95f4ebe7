//! Hashing under load.

use super::*;
use crate::{
    domain::passwords::{Password, Passwords},
    store::passwords::PasswordHash,
};

fn passwords(parallel: usize, queue: usize) -> Passwords {
    // Slow enough that the others come while the first is at it.
    Passwords::new(&Hashing { memory_kib: 64 * 1024, iterations: 8, parallel, queue }, Random).unwrap()
}

/// Long enough for a hash to have begun, and not to have ended.
async fn began() {
    tokio::time::sleep(Duration::from_millis(10)).await;
}

#[tokio::test]
async fn past_the_bound_the_answer_comes_at_once() {
    let passwords = Arc::new(passwords(1, 2));
    let password = Password::presented(PASSWORD).unwrap();
    let hash = |_: usize| {
        let (passwords, password) = (passwords.clone(), password.clone());
        tokio::spawn(async move { passwords.hash(&password).await })
    };
    let waiting: Vec<_> = (0..3).map(hash).collect();
    began().await;
    assert!(matches!(passwords.hash(&password).await, Err(Error::Overloaded)));
    assert!(matches!(passwords.verify(&password, None).await, Err(Error::Overloaded)));
    for hashed in waiting {
        assert!(hashed.await.unwrap().is_ok());
    }
    assert!(passwords.hash(&password).await.is_ok());
}

#[tokio::test]
async fn hanging_up_does_not_free_a_place_that_is_in_use() {
    let passwords = Arc::new(passwords(1, 0));
    let password = Password::presented(PASSWORD).unwrap();
    let hanging_up = tokio::spawn({
        let (passwords, password) = (passwords.clone(), password.clone());
        async move { passwords.hash(&password).await }
    });
    began().await;
    hanging_up.abort();
    assert!(hanging_up.await.unwrap_err().is_cancelled());
    assert!(matches!(passwords.hash(&password).await, Err(Error::Overloaded)));
}

#[tokio::test]
async fn only_the_whole_password_matches_and_no_hash_matches_nothing() {
    let passwords = Passwords::new(&settings().hashing, Random).unwrap();
    let presented = |text: &str| Password::presented(text).unwrap();
    let long = "x".repeat(1024);
    let hash = passwords.hash(&presented(&long)).await.unwrap();
    assert!(passwords.verify(&presented(&long), Some(&hash)).await.unwrap());
    assert!(!passwords.verify(&presented(&long[..1023]), Some(&hash)).await.unwrap());
    assert!(!passwords.verify(&presented(""), Some(&hash)).await.unwrap());
    assert!(!passwords.verify(&presented(&long), None).await.unwrap());
    assert_ne!(hash, passwords.hash(&presented(&long)).await.unwrap());
}

#[tokio::test]
async fn a_wrong_password_is_not_refused_sooner_where_the_hash_is_a_cheap_one() {
    let passwords = passwords(1, 0);
    let wrong = Password::presented("wrong").unwrap();
    // A millisecond, where the dummy takes a hundred.
    let cheap = PasswordHash::new("$2y$04$abcdefghijklmnopqrstuuyvPXIbu7xe6/CED2DzX8z6Si09MlzlW".to_owned());
    let took = async |hash: Option<&PasswordHash>| {
        let mut shortest = Duration::MAX;
        for _ in 0..3 {
            let begun = tokio::time::Instant::now();
            assert!(!passwords.verify(&wrong, hash).await.unwrap());
            shortest = shortest.min(begun.elapsed());
        }
        shortest
    };
    let (imported, none) = (took(Some(&cheap)).await, took(None).await);
    assert!(imported * 10 > none, "{imported:?} {none:?}");
    assert!(passwords.verify(&Password::presented("pw").unwrap(), Some(&cheap)).await.unwrap());
}
