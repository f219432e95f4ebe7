//! The audit log under load: a thousand events a second, written by two origins, both of which would link.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};

use super::*;
use crate::{
    clock::Clock,
    domain::audit::{Event, Kind},
};

const WRITERS: usize = 8;
/// How often each of them writes an event: together a thousand a second.
const EVERY: Duration = Duration::from_millis(8);
/// How many they write at least, and until whoever links has caught up with them …
const LEAST: usize = 3000;
/// … which is within this time, however slow the machine makes them all: who falls behind for good never does.
const PATIENCE: Duration = Duration::from_secs(60);

/// As the background of an origin does it, until whoever would change the channel's value is gone.
async fn keep_linking(domain: Domain, name: &'static str, mut end: watch::Receiver<()>) {
    let clock = Clock::new();
    loop {
        let linked = domain.link_audit(name, clock.now()).await.unwrap();
        let pause = Duration::from_millis(if linked.is_full { 5 } else { 200 });
        tokio::select! {
            _ = end.changed() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_events_a_second_are_linked_as_they_come() {
    for w in World::each().await {
        let other = open(&w.store, settings(), MASTER_KEY, 0).await.unwrap();
        let domains = [w.domain.clone(), other];
        let end = watch::Sender::new(());
        let linkers: Vec<_> = domains
            .iter()
            .zip(["one", "other"])
            .map(|(domain, name)| tokio::spawn(keep_linking(domain.clone(), name, end.subscribe())))
            .collect();
        let began = Instant::now();
        let (written, is_enough) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (w, domain, written) = (w.clone(), domains[writer % 2].clone(), Arc::clone(&written));
                let is_enough = Arc::clone(&is_enough);
                tokio::spawn(async move {
                    let mut ticks = interval(EVERY);
                    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
                    while !is_enough.load(Ordering::Relaxed) {
                        ticks.tick().await;
                        let context = Context { now: Clock::new().now(), ..w.at(0) };
                        let event = Event::failure(Kind::Login, "wrong_password").detail("email", EMAIL);
                        domain.record_alone(&context, event).await.unwrap();
                        written.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let (mut tail, mut most) = (Duration::ZERO, 0);
        loop {
            let waiting = w.domain.audit_waiting().await.unwrap();
            let age = waiting.since.map_or(Duration::ZERO, |since| Clock::new().now().since(since));
            (tail, most) = (tail.max(age), most.max(waiting.count));
            let written = written.load(Ordering::Relaxed);
            if written >= LEAST && waiting.count < written as u64 / 5 {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{} of {written} wait", waiting.count);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let took = began.elapsed();
        // Each comes to its end: one that was broken off could still commit what it had begun.
        is_enough.store(true, Ordering::Relaxed);
        for writer in writers {
            writer.await.unwrap();
        }
        let written = written.load(Ordering::Relaxed);
        // A channel that is closed stays so: each of them sees it, whatever it does at this moment.
        drop(end);
        for linker in linkers {
            linker.await.unwrap();
        }
        println!(
            "{:?}: {written} events in {took:?}; at most {most} waited, the oldest for {tail:?}",
            w.store.dialect()
        );
        let later = Clock::new().now() + Duration::from_secs(MINUTE);
        while w.domain.link_audit("last", later).await.unwrap().is_full {}
        let verified = w.domain.verify_audit(|_, _| {}).await.unwrap().unwrap();
        assert_eq!(verified.waiting, 0);
        assert!(verified.number >= written as u64);
    }
}
