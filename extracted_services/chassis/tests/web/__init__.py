"""Tests of the web part of the chassis."""
