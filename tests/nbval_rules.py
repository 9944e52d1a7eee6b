"""A pytest plugin for the notebooks (`-p tests.nbval_rules`): warnings on stderr are not compared."""


def pytest_collectstart(collector):
    if hasattr(collector, "skip_compare"):
        collector.skip_compare = (*collector.skip_compare, "stderr", "text/html", "application/javascript")
