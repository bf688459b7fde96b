class Store:
    def __init__(self):
        self.items = {}

    def add(self, name, count=1):
        if count < 1:
            raise ValueError("count must be at least 1")
        self.items[name] = self.items.get(name, 0) + count

    def sell(self, name, count=1):
        left = self.items.get(name, 0) - count
        if left < 0:
            raise KeyError(name)
        self.items[name] = left
        return left
