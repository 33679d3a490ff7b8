use gate_core::{Clock as _, Reason, SystemClock, Verdict};

use super::*;
use crate::parse::hello::Print;
use crate::tests::support::{NoMint, host, office};

/// A hello for this name, which may be one that no host has.
fn hello(sni: Option<&str>, ech: bool) -> Hello {
    let sni = sni.map(|name| HostName::parse(name.as_bytes()));
    Hello { sni, alpn: vec![b"h2".to_vec()], versions: vec![0x0304], ech, print: Print::default() }
}

fn short(course: &Course) -> Result<(Mode, Option<&str>), Reason> {
    match course {
        Course::Refuse(reason) => Err(reason.clone()),
        Course::Admin(_) => Ok((Mode::Admin, None)),
        Course::Connect { mode, entry, .. } => Ok((*mode, entry.as_ref().map(|entry| &*entry.vendor))),
    }
}

#[test]
fn every_meeting_of_a_name_and_a_place_has_its_course() {
    use Towards::{Elsewhere, Named, Own};
    let (api, own, other) = (host("api.openai.com"), host("nanogate.lan"), host("www.example.org"));
    let cover = host("cloudflare-ech.com");
    let watched = Ok((Mode::Watched, Some("openai")));
    let (passed, admin) = (Ok((Mode::Passed, None)), Ok((Mode::Admin, None)));
    let rows = [
        (Own, Some("api.openai.com"), false, watched.clone()),
        (Elsewhere, Some("api.openai.com"), false, watched.clone()),
        (Named(&api), Some("api.openai.com"), false, watched.clone()),
        (Own, Some("API.OPENAI.COM."), true, watched),
        (Own, Some("nanogate.lan"), false, admin.clone()),
        (Own, None, false, admin.clone()),
        (Named(&own), Some("nanogate.lan"), false, admin),
        (Elsewhere, Some("nanogate.lan"), false, passed.clone()),
        (Elsewhere, None, false, Err(Reason::NoSni)),
        (Named(&api), None, false, Err(Reason::NoSni)),
        (Own, Some("127.0.0.1"), false, Err(Reason::BadSni)),
        (Elsewhere, Some("a\0b"), false, Err(Reason::BadSni)),
        (Own, Some("www.example.org"), false, Err(Reason::NotInCatalogue)),
        (Own, Some("api.openai.com.example.org"), false, Err(Reason::NotInCatalogue)),
        (Elsewhere, Some("www.example.org"), false, passed.clone()),
        (Elsewhere, Some("www.example.org"), true, passed.clone()),
        (Elsewhere, Some("cloudflare-ech.com"), true, Err(Reason::NotInCatalogue)),
        (Elsewhere, Some("cloudflare-ech.com"), false, passed.clone()),
        (Named(&cover), Some("cloudflare-ech.com"), true, Err(Reason::NotInCatalogue)),
        (Named(&other), Some("www.example.org"), false, passed),
        (Named(&other), Some("api.openai.com"), false, Err(Reason::HostMismatch)),
        (Named(&api), Some("www.example.org"), false, Err(Reason::HostMismatch)),
    ];
    let snapshot = office().admin("127.0.0.1:1".parse().unwrap()).snapshot();
    for (towards, sni, ech, expected) in rows {
        let course = circumstances(&snapshot, false).course(towards, &hello(sni, ech));
        assert_eq!(short(&course), expected, "{towards:?} {sni:?} ech={ech}");
    }
}

#[test]
fn resolvers_are_refused_by_address_and_by_name_where_the_owner_wants_that() {
    use Towards::{Elsewhere, Named, Own};
    let doh = host("dns.google");
    let refused = Err(Reason::EncryptedDns);
    let passed = Ok((Mode::Passed, None));
    let (at, not_at) = (Some("8.8.8.8"), Some("203.0.113.10"));
    let rows = [
        (Elsewhere, at, None, refused.clone(), Err(Reason::NoSni)),
        (Elsewhere, at, Some("www.example.org"), refused.clone(), passed.clone()),
        (Elsewhere, at, Some("8.8.8.8"), refused.clone(), Err(Reason::BadSni)),
        (
            Elsewhere,
            at,
            Some("api.openai.com"),
            Ok((Mode::Watched, Some("openai"))),
            Ok((Mode::Watched, Some("openai"))),
        ),
        (Elsewhere, not_at, Some("dns.google"), refused.clone(), Ok((Mode::Watched, Some("encrypted-dns")))),
        (Elsewhere, not_at, Some("www.example.org"), passed.clone(), passed),
        (Named(&doh), None, Some("dns.google"), refused.clone(), Ok((Mode::Watched, Some("encrypted-dns")))),
        (Own, None, Some("dns.google"), refused, Ok((Mode::Watched, Some("encrypted-dns")))),
    ];
    let snapshot = office().snapshot();
    for (towards, dst, sni, refusing, reporting) in rows {
        for (refuse_resolvers, expected) in [(true, refusing), (false, reporting)] {
            let dst = dst.map(|ip| ip.parse().unwrap());
            let circumstances = Circumstances { dst, refuse_resolvers, ..circumstances(&snapshot, false) };
            let course = circumstances.course(towards, &hello(sni, false));
            assert_eq!(short(&course), expected, "{towards:?} {dst:?} {sni:?} refuse={refuse_resolvers}");
        }
    }
}

fn circumstances(snapshot: &Snapshot, journal_broken: bool) -> Circumstances<'_> {
    static COVERS: std::sync::LazyLock<Vec<HostName>> = std::sync::LazyLock::new(|| vec![host("cloudflare-ech.com")]);
    static NONE: std::sync::LazyLock<Fallbacks> = std::sync::LazyLock::new(Fallbacks::new);
    let client = "192.0.2.10".parse().unwrap();
    Circumstances {
        snapshot,
        ech_public_names: &COVERS,
        journal_broken,
        switch: Switch::Normal,
        fallbacks: &NONE,
        mint: &NoMint(true),
        client,
        name: None,
        dst: None,
        refuse_resolvers: false,
        now: SystemClock.now(),
    }
}

#[test]
fn without_an_admin_listener_there_is_nothing_to_hand_over_to() {
    let snapshot = office().snapshot();
    let course = |sni| circumstances(&snapshot, false).course(Towards::Own, &hello(sni, false));
    assert_eq!(course(None), Course::Refuse(Reason::NoSni));
    assert_eq!(course(Some("nanogate.lan")), Course::Refuse(Reason::NotInCatalogue));
}

#[test]
fn the_judge_decides_over_ai_and_never_opens_anything_else() {
    let rows = [
        (Verdict::Splice, Ok(Mode::Watched), Ok(Mode::Passed)),
        (Verdict::Terminate, Ok(Mode::Inspected), Ok(Mode::Passed)),
        (
            Verdict::Refuse(Reason::Policy("night".into())),
            Err(Reason::Policy("night".into())),
            Err(Reason::Policy("night".into())),
        ),
    ];
    for (verdict, ai, other) in rows {
        let answer = verdict.clone();
        let snapshot = office().judge(move |_| answer.clone()).snapshot();
        let course = |sni| circumstances(&snapshot, false).course(Towards::Elsewhere, &hello(Some(sni), false));
        assert_eq!(short(&course("api.openai.com")).map(|(mode, _)| mode), ai, "{verdict:?}");
        assert_eq!(short(&course("www.example.org")).map(|(mode, _)| mode), other, "{verdict:?}");
    }
}

#[test]
fn a_journal_that_takes_nothing_stops_ai_and_only_ai() {
    let snapshot = office().admin("127.0.0.1:1".parse().unwrap()).snapshot();
    let course = |sni, towards| circumstances(&snapshot, true).course(towards, &hello(Some(sni), false));
    assert_eq!(course("api.openai.com", Towards::Own), Course::Refuse(Reason::Internal));
    assert_eq!(short(&course("www.example.org", Towards::Elsewhere)), Ok((Mode::Passed, None)));
    assert_eq!(short(&course("nanogate.lan", Towards::Own)), Ok((Mode::Admin, None)));
}

#[test]
fn a_frozen_puck_lets_no_ai_start_and_a_bypassed_one_opens_nothing() {
    let answers = [Verdict::Splice, Verdict::Terminate, Verdict::Refuse(Reason::Policy("night".into()))];
    let night = || Reason::Policy("night".into());
    let bypassed = [Ok(Mode::Watched), Ok(Mode::Watched), Err(night())];
    for (answer, bypassed) in answers.into_iter().zip(bypassed) {
        let snapshot = office().judge(move |_| answer.clone()).admin("127.0.0.1:1".parse().unwrap()).snapshot();
        let course = |switch, sni| {
            let circumstances = Circumstances { switch, ..circumstances(&snapshot, false) };
            short(&circumstances.course(Towards::Own, &hello(Some(sni), false))).map(|(mode, _)| mode)
        };
        assert_eq!(course(Switch::Frozen, "api.openai.com"), Err(Reason::Policy("freeze".into())));
        assert_eq!(course(Switch::Bypassed, "api.openai.com"), bypassed);
        assert_eq!(course(Switch::Frozen, "nanogate.lan"), Ok(Mode::Admin));
    }
}

#[test]
fn who_fell_back_is_watched_only_where_inspecting_is_due_and_watching_allowed() {
    use crate::fallback::{Who, runtime::Runtime};
    use gate_core::FallbackCause;
    let (fallbacks, now) = (Fallbacks::new(), SystemClock.now());
    let fallen = hello(Some("api.openai.com"), false);
    let ja4 = fallen.print.ja4();
    let who = Who { client: "192.0.2.10".parse().unwrap(), host: host("api.openai.com"), ja4 };
    for _ in 0..2 {
        fallbacks.refused(&who, ("openai", Runtime::Unknown), FallbackCause::Closed, now, |_| Ok::<(), ()>(()));
    }
    let deny = || Reason::Policy("night".into());
    let rows = [
        (Verdict::Terminate, true, Ok(Mode::Watched)),
        (Verdict::Terminate, false, Ok(Mode::Inspected)),
        (Verdict::Refuse(deny()), true, Err(deny())),
    ];
    for (verdict, may_watch, want) in rows {
        let snapshot = office().judge(move |_| verdict.clone()).may_watch(may_watch).snapshot();
        let course = |hello: &Hello, client: &str| {
            let client = client.parse().unwrap();
            let circumstances = Circumstances { fallbacks: &fallbacks, client, ..circumstances(&snapshot, false) };
            short(&circumstances.course(Towards::Own, hello)).map(|(mode, _)| mode)
        };
        assert_eq!(course(&fallen, "192.0.2.10"), want);
        if want.is_ok() {
            let mut other = fallen.clone();
            other.print.suites.push(1);
            assert_eq!(course(&other, "192.0.2.10"), Ok(Mode::Inspected), "another program");
            assert_eq!(course(&fallen, "192.0.2.11"), Ok(Mode::Inspected), "another client");
        }
    }
}

#[test]
fn a_name_that_the_root_leaves_out_is_watched_where_that_is_allowed() {
    for (may_watch, want) in [(true, Ok(Mode::Watched)), (false, Err(Reason::Policy("certificate authority".into())))] {
        let snapshot = office().judge(|_| Verdict::Terminate).may_watch(may_watch).snapshot();
        let circumstances = Circumstances { mint: &NoMint(false), ..circumstances(&snapshot, false) };
        let course = circumstances.course(Towards::Own, &hello(Some("api.openai.com"), false));
        assert_eq!(short(&course).map(|(mode, _)| mode), want);
    }
}
