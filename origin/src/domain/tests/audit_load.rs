//! The audit log under load: a thousand events a second, written by two origins, both of which would link.

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
/// How many events each of them writes …
const EACH: u32 = 375;
/// … and how often: together a thousand a second.
const EVERY: Duration = Duration::from_millis(8);

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
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (w, domain) = (w.clone(), domains[writer % 2].clone());
                tokio::spawn(async move {
                    let mut ticks = interval(EVERY);
                    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
                    for _ in 0..EACH {
                        ticks.tick().await;
                        let context = Context { now: Clock::new().now(), ..w.at(0) };
                        let event = Event::failure(Kind::Login, "wrong_password").detail("email", EMAIL);
                        domain.record_alone(&context, event).await.unwrap();
                    }
                })
            })
            .collect();
        let (mut tail, mut most) = (Duration::ZERO, 0);
        while !writers.iter().all(tokio::task::JoinHandle::is_finished) {
            let waiting = w.domain.audit_waiting().await.unwrap();
            let age = waiting.since.map_or(Duration::ZERO, |since| Clock::new().now().since(since));
            (tail, most) = (tail.max(age), most.max(waiting.count));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let took = began.elapsed();
        for writer in writers {
            writer.await.unwrap();
        }
        // A channel that is closed stays so: each of them sees it, whatever it does at this moment.
        drop(end);
        for linker in linkers {
            linker.await.unwrap();
        }
        let written = WRITERS * EACH as usize;
        println!(
            "{:?}: {written} events in {took:?}; at most {most} waited, the oldest for {tail:?}",
            w.store.dialect()
        );
        let later = Clock::new().now() + Duration::from_secs(MINUTE);
        while w.domain.link_audit("last", later).await.unwrap().is_full {}
        let verified = w.domain.verify_audit(|_, _| {}).await.unwrap().unwrap();
        assert_eq!(verified.waiting, 0);
        assert!(verified.number >= written as u64);
        // Whoever links keeps up with those who write, however slow the machine makes them all.
        assert!(most < written as u64 / 2, "{most} of {written} waited at once");
    }
}
