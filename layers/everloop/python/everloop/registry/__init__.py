"""Which version answers: promotion and rollback."""
