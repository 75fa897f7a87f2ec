"""How a message leaves the house: mail by the operator's server, webhooks to wherever an account wants them."""
