//! The body of a request to the provider of the add-on: any bytes are read or refused, with a text for a person that
//! repeats nothing which breaks a line of a terminal.
#![no_main]

use hoop_addon::plan::Plans;
use hoop_addon::web::body::{BodyError, Dialect, Provision, new_plan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let plans = Plans::built_in();
    for dialect in [Dialect::V1, Dialect::V3] {
        match Provision::read(dialect, body) {
            Ok(Provision { id, order, region, callback, .. }) => {
                assert!(!order.plan.is_empty());
                let options = [order.options.connection.as_ref(), order.options.command.as_ref()];
                let texts = [Some(&order.plan), Some(&order.name), region.as_ref(), callback.as_ref()];
                for text in texts.into_iter().chain(options).flatten() {
                    assert!(is_line(text), "{text:?}");
                }
                let plan = plans.get(&order.plan);
                if let Err(mistake) = plan.and_then(|plan| plan.check(id, &order)) {
                    assert_refusal(&mistake.to_string());
                }
                if let Some(Err(mistake)) = region.map(|region| plans.check_region(&region)) {
                    assert_refusal(&mistake.to_string());
                }
                // The same body changes to the same plan.
                assert_eq!(new_plan(body).as_ref(), Ok(&order.plan));
            }
            Err(mistake) => {
                assert_refusal(&mistake.to_string());
                let is_json = mistake != BodyError::NotJson;
                assert_eq!(mistake.status().as_u16(), if is_json { 422 } else { 400 });
            }
        }
    }
    if let Err(mistake) = new_plan(body) {
        assert_refusal(&mistake.to_string());
    }
});

fn assert_refusal(text: &str) {
    assert!(text.ends_with('.') && is_line(text) && text.len() < 600, "{text:?}");
}

fn is_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}
