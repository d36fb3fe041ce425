"""Parity with the published release: programs around Guards, played on both trees and compared."""
