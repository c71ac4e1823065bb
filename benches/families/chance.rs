//! What must come out of a calibration, worked out without the code under test: exact probabilities and binomial intervals.

/// The probability that `draws` uniform draws from `names` names give some name to `size` of them or more.
///
/// The chance that no name is drawn `size` times is `draws! / names^draws` times the coefficient of `x^draws` in
/// `(1 + x + … + x^(size−1) / (size−1)!)^names`. Powers of a polynomial have a recurrence (J. C. P. Miller's), all of whose
/// terms are positive here, so that nothing cancels.
pub(crate) fn some_name_reaches(size: u32, draws: u32, names: u64) -> f64 {
    let real = |number: u64| number as f64;
    let names = real(names);
    let mut none = vec![1.0_f64];
    for drawn in 1..=draws {
        let mut sum = 0.0;
        // draws! / (draws − i)! / (i! · names^i), step by step.
        let mut ways = 1.0;
        for i in 1..size.min(drawn + 1) {
            ways *= f64::from(drawn - i + 1) / (f64::from(i) * names);
            let before = none[usize::try_from(drawn - i).expect("small")];
            sum += ((names + 1.0) * f64::from(i) - f64::from(drawn)) / f64::from(drawn) * ways * before;
        }
        none.push(sum);
    }
    1.0 - none.last().expect("it has the first")
}

/// The counts between which 99 % of binomial counts lie, half a percent at most on either side.
pub(crate) fn interval(trials: u32, chance: f64) -> (u32, u32) {
    let mut term = f64::from(trials) * (-chance).ln_1p();
    let (mut below, mut low, mut high) = (0.0, 0, trials);
    let mut has_low = false;
    for count in 0..=trials {
        below += term.exp();
        if !has_low && below > 0.005 {
            (low, has_low) = (count, true);
        }
        if below >= 0.995 {
            high = count;
            break;
        }
        term += (f64::from(trials - count) / f64::from(count + 1)).ln() + chance.ln() - (-chance).ln_1p();
    }
    (low, high)
}

/// Numbers that look random and are the same in every run (xorshift64*).
pub(crate) struct Draws(pub(crate) u64);

impl Draws {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// The high bits, of which there are `count`.
    pub(crate) fn high(&mut self, count: u32) -> u64 {
        self.bits() >> (64 - count)
    }
}

/// The name of a generator that a number stands for, five bits a symbol.
pub(crate) fn drawn(generator: &str, length: u32, number: u64) -> String {
    const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
    let symbol = |place: u32| char::from(SYMBOLS[usize::try_from(number >> (5 * place) & 31).expect("small")]);
    format!("{generator}-{}", (0..length).map(symbol).collect::<String>())
}

/// `count` different names of `DESKTOP-` that nobody would think of, so that drawing one of them is a uniform draw.
pub(crate) fn names(count: usize) -> Vec<String> {
    use rdprint::knowledge::{Shape, shape};
    // Multiplying by an odd number permutes the 35 bits of a suffix.
    let numbers = (1_u64..).map(|one| one.wrapping_mul(0x5_DEEC_E66D) & ((1 << 35) - 1));
    let names = numbers.map(|number| drawn("DESKTOP", 7, number));
    names.filter(|name| matches!(shape(name), Some(Shape::Generated(_)))).take(count).collect()
}
