"""Pages of a report, watched while they are open."""


class Watched:
    """A page, and all that it asks for or complains of."""

    def __init__(self, context, address):
        self.page, self.address = context.new_page(), address
        self.complaints, self.requests = [], []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", lambda request: self.complaints.append(request.url))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))

    def go(self, hash_):
        self.page.goto(f"{self.address}#{hash_}")
        self.page.wait_for_selector("h1")

    def check(self):
        """Nothing went wrong, and nothing left the folder."""
        assert self.complaints == []
        folder = self.address.rsplit("/", 1)[0] + "/"
        outside = [url for url in self.requests if not url.startswith((folder, "data:"))]
        assert outside == []
