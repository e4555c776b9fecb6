"""Learning to steer by trial and error: PPO of Stable-Baselines3 chooses as all our networks do."""

try:
    from stable_baselines3 import __version__ as SB3_VERSION  # noqa: N812
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        "reinforcement learning needs Stable-Baselines3: pip install 'neurobot[rl]'"
    ) from missing

__all__ = ["SB3_VERSION"]
