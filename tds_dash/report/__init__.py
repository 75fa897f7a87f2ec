"""The monthly report: one A4 page of what an account consumed in a month, what it cost, and how well that is known."""
