//! What a recipe adds to a stage: services that are not emulated, a way to meet it, and what suites must keep to.

use emulators::External;
use verdict::domain::stage::Capabilities;
use verdict::domain::stage::StageDescription;
use verdict::domain::stage_recipe::PutUp;

use super::super::launch_error::LaunchError;
use super::super::remote;
use super::Launch;
use crate::adapters::localstack_host::LocalStackHost;
use crate::adapters::stage_process::StageRequest;

impl Launch<'_> {
    /// Services that are not emulated, where the recipe has some.
    pub(super) async fn external(
        &mut self,
        note: &mut impl FnMut(String),
    ) -> Result<Option<External>, LaunchError> {
        let StageRequest { recipe, root, run_dir, .. } = self.request;
        match recipe.put_up {
            PutUp::Embedded | PutUp::AsRemote => Ok(None),
            PutUp::LocalstackHost => {
                let host = LocalStackHost::start(&self.ctx.exe, (root, run_dir), note)
                    .await
                    .map_err(|source| LaunchError::LocalStack { source })?;
                let external =
                    External { localstack: host.localstack(), dynamodb: host.dynamodb() };
                self.localstack = Some(host);
                Ok(Some(external))
            }
            PutUp::Localstack => self.containers.external(recipe, note).await.map(Some),
        }
    }

    /// What the recipe says of the stage beyond what stands behind it.
    pub(super) async fn as_asked(
        &mut self,
        description: &mut StageDescription,
    ) -> Result<(), LaunchError> {
        let recipe = &self.request.recipe;
        description.name.clone_from(&recipe.name);
        if recipe.put_up == PutUp::AsRemote {
            let tls = remote::start(description, &self.request.run_dir).await?;
            self.tls = Some(tls);
        }
        let Capabilities(offered) = &mut description.capabilities;
        offered.retain(|capability| !recipe.without.contains(capability));
        let limits = &mut description.limits;
        limits.max_rate_per_s =
            [limits.max_rate_per_s, recipe.max_rate_per_s].into_iter().flatten().min();
        limits.max_users = recipe.max_users.or(limits.max_users);
        Ok(())
    }
}
