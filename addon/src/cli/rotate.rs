//! `hoop-addon rotate`

use std::process::ExitCode;

use super::{print, tell};
use crate::resource::ResourceId;
use crate::work::{Provider, Push};

pub(super) async fn run(provider: &Provider, id: ResourceId) -> anyhow::Result<ExitCode> {
    let resource = provider.rotate(id).await?;
    print(&format!("The key of {id} is rotated."));
    match provider.push(&resource).await? {
        Push::Done => print("Its app has the new key, and restarts with it."),
        Push::Later => tell("Heroku does not take the new key right now. A running hoop-addon serve tries again."),
        // Not on a terminal that others may read: the page shows it to who may see it.
        Push::NoGrant => tell(&format!(
            "There is no access to its app, so the app still has the former key. Open the add-on's page from Heroku \
             and rotate the key there, which shows the new key: heroku addons:open {name}",
            name = if resource.order.name.is_empty() {
                "hoop"
            } else {
                &resource.order.name
            },
        )),
    }
    Ok(ExitCode::SUCCESS)
}
