"""An actor that our chips can run, and its critic: two networks that share nothing.

The actor's outputs are logits of choices, which are the scores that every network of ours gives.
"""

from collections import OrderedDict
from typing import Any

import torch
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from torch import Tensor, nn

from neurobot.quantize.networks.steering import steering_net
from neurobot.quantize.networks.streaming import beams_net

FIRST_GAIN = 0.01  # of the actor's last layer: at first, all choices are about equally likely


def without_norms(chain: nn.Sequential) -> nn.Sequential:
    """Return a chain's layers made anew, without its batch norms; those before have biases.

    What a batch norm learns hangs on who drives, which changes all the time here.
    """
    layers = OrderedDict[str, nn.Module]()
    for name, layer in chain.named_children():
        if isinstance(layer, nn.Conv2d):
            shape: Any = layer.kernel_size, layer.stride, layer.padding
            layers[name] = nn.Conv2d(layer.in_channels, layer.out_channels, *shape)
        elif isinstance(layer, nn.Linear):
            layers[name] = nn.Linear(layer.in_features, layer.out_features)
        elif not isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layers[name] = layer
    return nn.Sequential(layers)


def make_networks(rows: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Return actor and critic of a scan, which has one row, or of a picture."""
    if rows == 1:
        return without_norms(beams_net()), without_norms(beams_net(classes=1))
    return without_norms(steering_net()), without_norms(steering_net(width=0.5, classes=1))


def begin(network: nn.Sequential, gain: float) -> None:
    """Draw first weights, orthogonal ones as usual for PPO; gain: of the last layer."""
    network.apply(lambda layer: ActorCriticPolicy.init_weights(layer, gain=2**0.5))
    ActorCriticPolicy.init_weights(network[-1], gain=gain)


class NetworkPolicy(ActorCriticPolicy):  # type: ignore[misc]
    """Scores what is seen, (N, rows, columns) uint8, and tells what it is worth."""

    def _build(self, lr_schedule: Any) -> None:
        self.actor, self.critic = make_networks(self.observation_space.shape[0])
        begin(self.actor, FIRST_GAIN)
        begin(self.critic, 1.0)
        self.to(memory_format=torch.channels_last)  # faster on a CPU
        self.optimizer = self.optimizer_class(
            self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs
        )

    def get_distribution(self, obs: Tensor) -> Distribution:
        """Return how likely the actor takes each choice."""
        return self.action_dist.proba_distribution(action_logits=self.actor(as_floats(obs)))

    def predict_values(self, obs: Tensor) -> Tensor:
        """Return what the critic expects, (N, 1)."""
        return self.critic(as_floats(obs))  # type: ignore[no-any-return]

    def forward(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Return choices, their worth and their log probabilities."""
        chances = self.get_distribution(obs)
        actions = chances.get_actions(deterministic)
        return actions, self.predict_values(obs), chances.log_prob(actions)

    def evaluate_actions(self, obs: Tensor, actions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return worth, log probabilities of these choices, and entropy."""
        chances = self.get_distribution(obs)
        return self.predict_values(obs), chances.log_prob(actions), chances.entropy()


def as_floats(seen: Tensor) -> Tensor:
    """Turn bytes (N, rows, columns) into what a network reads, (N, 1, rows, columns) of 0..1."""
    floats = seen[:, None].to(torch.float32) / 255
    return floats.contiguous(memory_format=torch.channels_last)
