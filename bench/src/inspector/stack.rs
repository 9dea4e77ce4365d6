//! A local stack as `cargo dev` runs it, with its clients connected: each a user of its own, and ten to a group.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use azure_signalr::GroupName;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::traffic::Traffic;
use crate::load::crowd::Crowd;
use crate::load::{Dialect, Target, Users};
use crate::machine::Cores;
use crate::overhead::app::{App, Running};
use crate::server::{connection_string, free_address};

/// How many users are in each group.
pub(super) const GROUP_SIZE: usize = 10;

/// Groups that are filled at the same time.
const JOINING: usize = 16;

/// Whether a stack has an inspector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inspection {
    None,
    Served,
}

/// A stack and everybody who is connected to it. Dropping it ends both.
#[derive(Debug)]
pub(super) struct Stack {
    pub(super) pid: u32,
    pub(super) inspector: Option<SocketAddr>,
    pub(super) crowd: Crowd,
    pub(super) traffic: Traffic,
    running: Running,
    _app: App,
}

impl Stack {
    pub(super) async fn start(cores: Cores, inspection: Inspection, clients: usize, per_second: u32) -> Result<Self> {
        ensure!(clients >= GROUP_SIZE, "there have to be {GROUP_SIZE} clients at least");
        let app = App::write()?;
        let (service, inspector) = (free_address()?, free_address()?);
        let (service_port, inspector_port) = (service.port().to_string(), inspector.port().to_string());
        let inspected = match inspection {
            Inspection::None => &["--no-inspector"][..],
            Inspection::Served => &["--inspector-port", &inspector_port],
        };
        let arguments = [&["--signalr-port", &service_port], inspected].concat();
        let running = app.start_stack(cores, &arguments).await.context("the local stack does not start")?;
        let pid = running.host.context("the local stack ended at once")?;
        let target = Target::new(service, Dialect::SignalR(connection_string(service.port())?.into()))?;
        let target = target.with_users(Users::Numbered);
        let (crowd, _) = Crowd::connect(&target, clients).await?;
        let groups = clients / GROUP_SIZE;
        fill(&crowd, groups).await.context("the groups cannot be filled")?;
        let traffic = Traffic { clients, groups, per_second };
        let inspector = (inspection == Inspection::Served).then_some(inspector);
        Ok(Self { pid, inspector, crowd, traffic, running, _app: app })
    }

    pub(super) async fn stop(self) -> Result<()> {
        self.crowd.leave().await;
        self.running.stop().await
    }
}

async fn fill(crowd: &Crowd, groups: usize) -> Result<()> {
    let hub = crowd.hub().context("these clients are in no hub")?;
    let joining = stream::iter(0..groups * GROUP_SIZE).map(async |index| {
        let (user, group) = (Users::name(index)?, group_name(index / GROUP_SIZE)?);
        anyhow::Ok(hub.user(&user).join(&group).await?)
    });
    joining.buffer_unordered(JOINING).try_collect().await
}

/// The name of a group by its number.
pub(super) fn group_name(number: usize) -> Result<GroupName> {
    Ok(format!("group-{number}").parse()?)
}
