use super::{LOOKS, NEAR, Unclear, models};

const PARTS: Option<&str> = Some("multipart/form-data; boundary=x");

/// What a form of one part with this head asks for.
fn asked(head: &str) -> Result<Vec<String>, Unclear> {
    models(PARTS, format!("--x\r\n{head}\r\n\r\nwhisper-1\r\n--x--\r\n").as_bytes())
}

#[test]
fn a_field_is_found_however_its_head_is_written() {
    let long = format!("Content-Disposition: form-data; name=\"model\"; x=\"{}\"", "a".repeat(2000));
    let found = [
        "Content-Disposition: form-data; name=\"model\"",
        "content-disposition: form-data; name=model",
        "Content-Disposition: form-data; Name=\"model\"",
        "Content-Disposition: form-data; name =\"Model\"",
        "Content-Disposition: form-data; name= \" model \"",
        "Content-Disposition : form-data; name=\"model\"",
        " Content-Disposition: form-data; name=\"model\"",
        "Content-Disposition: form-data; name=\"a\"; name=\"model\"",
        "Content-Disposition: form-data;\r\n name=\"model\"",
        "Content-Disposition: form-data; name=\"model\";",
        "Content-Disposition: form-data; name=\"model\"\r\nContent-Type: text/plain",
        "Content-Type: text/plain\r\nContent-Disposition: form-data; name=\"model\"; filename=\"a\\\"b\"",
        "Content-Transfer-Encoding: 8bit\r\nContent-Disposition: form-data; name=\"model\"",
        &long,
        &format!("Content-Disposition: form-data; name=\"model\"\r\nX: {}", "a".repeat(2000)),
    ];
    for head in found {
        assert_eq!(asked(head), Ok(vec!["whisper-1".to_owned()]), "{head}");
    }
    let plain = "Content-Disposition: form-data; name=\"model\"";
    assert_eq!(models(PARTS, format!("{plain}\n\na\n--x\n{plain}\n\n\nb \n--x--").as_bytes()).unwrap(), ["a", "b"]);
    assert_eq!(models(PARTS, format!("--x\n{plain}\n\n\n--x--").as_bytes()), Ok(vec![]), "an empty one");
    let unbounded = Some("multipart/form-data; boundary=x; boundary=y");
    assert_eq!(models(unbounded, format!("--x\n{plain}\n\na\n--x--").as_bytes()).unwrap(), ["a"]);
    assert_eq!(models(None, format!("--x\n{plain}\n\na\n--x--").as_bytes()), Ok(vec![]));
}

#[test]
fn another_field_is_not_the_model() {
    let others = [
        "Content-Disposition: form-data; name=\"models\"",
        "Content-Disposition: form-data; name=\"timestamp_granularities[]\"",
        "Content-Disposition: form-data; name=\"file\"; filename=\"model\"",
        "Content-Disposition: form-data; filename=\"x\"",
        "Content-Disposition: form-data; name=\"file\"; filename=\"100%; a \\\"model\\\".wav\"",
        "Content-Disposition: form-data; name=file; filename=a.wav; filename*=utf-8''%c3%a4.wav",
        "Content-Disposition: attachment;\r\n\tfilename=\"=?utf-8?q?model?=\"",
        "Content-Type: text/plain; name=\"model\"",
        "X-Content-Disposition: form-data; name=\"model\"",
    ];
    for head in others {
        assert_eq!(asked(head), Ok(vec![]), "{head}");
    }
}

#[test]
fn what_servers_read_differently_is_unclear() {
    let long = "a".repeat(NEAR);
    let unclear = [
        "Content-Disposition: form-data; name=\"mod\\el\"",
        "Content-Disposition: form-data; name*=utf-8''model",
        "Content-Disposition: form-data; Name*0=mo; name*1=del",
        "Content-Disposition: form-data; name=\"mod%65l\"",
        "Content-Disposition: form-data; name=\"=?utf-8?q?model?=\"",
        "Content-Disposition: form-data; name=<model>",
        "Content-Disposition: form-data; name='model'",
        "Content-Disposition: form-data; name=\"mo\r\n del\"",
        "Content-Disposition: form-data; name=mo\r\n del",
        "Content-Disposition: form-data; name=\"model",
        "Content-Disposition: form-data; name=\"a\"model\"",
        "Content-Disposition: form-data name=\"model\"",
        "Content-Disposition: form-data,name=\"model\"",
        "Content-Disposition: form-data; x=\"a\\\"; name=\"model\"",
        "Content-Disposition: form-data; x=\"a\\\"; name=model; y=\\\"",
        "Content-Disposition: form-data; x=\"a\rb\"; name=\"model\"",
        "Content-Disposition: form-data; \x0bname=\"model\"",
        "Content-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=\"model\"",
        "Content-Disposition: form-data; name=\"model\"\r\nContent-Transfer-Encoding:\r\n quoted-printable",
        &format!("Content-Disposition: form-data; x=\"{long}\"; name=\"model\""),
        &format!("Content-Disposition: form-data; name=\"model\"\r\nX: {long}"),
    ];
    for head in unclear {
        assert_eq!(asked(head), Err(Unclear), "{head:.99}");
    }
    let head = "--x\r\nContent-Disposition: form-data; name=\"model\"";
    for value in ["g\0p\0t\0", "\0g\0p", "gpt\u{7}"] {
        assert_eq!(models(PARTS, format!("{head}\r\n\r\n{value}\r\n--x--").as_bytes()), Err(Unclear), "{value:?}");
        let file = format!("{head}; filename=\"a\"\r\n\r\n{value}\r\n--x--");
        assert_eq!(models(PARTS, file.as_bytes()).unwrap().len(), 1, "{value:?}");
    }
    let many = format!("{head}\r\n\r\na\r\n").repeat(LOOKS);
    assert_eq!(models(PARTS, many.as_bytes()), Err(Unclear), "nobody counts further");
}

#[test]
fn an_example_in_a_file_is_asked_about_and_never_unclear() {
    let file = |lines: &str| {
        let head = "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.md\"\r\n\r\n";
        models(PARTS, format!("{head}Write\r\n\r\n{lines}\r\n\r\nwhisper-1\r\n--x--\r\n").as_bytes())
    };
    assert_eq!(file("Content-Disposition: form-data; name=\"model\"").unwrap(), ["whisper-1"]);
    assert_eq!(file("Content-Disposition: form-data; name*=utf-8''model"), Ok(vec![]));
}

#[test]
fn an_urlencoded_form_asks_for_its_model() {
    let form = Some("application/x-www-form-urlencoded; charset=utf-8");
    let rows: [(&str, &[&str]); 6] = [
        ("a=b&model=gpt-4o", &["gpt-4o"]),
        ("mod%65l=gpt%2D4o&Model=b", &["gpt-4o", "b"]),
        ("a=#&model=c", &["c"]),
        ("a=1;model=+d+", &["d"]),
        ("models=a&x=model", &[]),
        ("{\"a\":1}&model=e", &["e"]),
    ];
    for (body, expected) in rows {
        assert_eq!(models(form, body.as_bytes()).unwrap(), expected, "{body}");
    }
}
