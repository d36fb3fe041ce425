// The contrast of each text in sight to what is behind it, as WCAG 2 defines it.
(elements) => {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const paint = (colour) => {
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
    };
    const luminance = () => {
        const [red, green, blue] = [...canvas.getImageData(0, 0, 1, 1).data].map((value) => {
            const part = value / 255;
            return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
        });
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
    };
    const layers = (element) => {
        const below = element.parentElement ? layers(element.parentElement) : ["Canvas"];
        return [...below, getComputedStyle(element).backgroundColor];
    };
    const ratio = (element) => {
        // Painting one over the other blends what can be seen through.
        layers(element).forEach(paint);
        const ground = luminance();
        paint(getComputedStyle(element).color);
        const [darker, lighter] = [ground, luminance()].sort((one, other) => one - other);
        return (lighter + 0.05) / (darker + 0.05);
    };
    const own = (element) =>
        [...element.childNodes]
            .filter((node) => node.nodeType === Node.TEXT_NODE)
            .map((node) => node.textContent.trim())
            .join("");
    return elements
        .filter((element) => element.checkVisibility() && !element.matches(".hidden"))
        .filter(own)
        .map((element) => ({ text: own(element), ratio: ratio(element) }));
};
