from jobs.steps.users import stand_ins

_told = stand_ins._tell


def _tell(step, name, found):
    _told(step, name, found)
    with open("/tmp/h/hc_lines.txt", "a") as f:
        print(name, found, found and found.says(name), file=f)


stand_ins._tell = _tell


def pytest_configure(config):
    config.option.maxfail = 0
