"""The parts of a deployment's configuration, a noun a module; `infra.configuration` reads them whole."""
