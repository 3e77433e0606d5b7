"""Payments, and the dealings with the card processor behind them: values and pure functions."""
