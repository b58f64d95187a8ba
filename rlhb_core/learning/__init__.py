"""What every stage of training learns with: the session, rollouts, losses, the PPO loop. Knows no teacher."""
