"""A business and questions that nothing was tuned on: what the fact search is worth on words it has not seen."""

SALON = """\
You are Mia, the receptionist of Studio Nord, a hair salon in Leeds. Speak casually.
Opening times: Tuesday till Friday 9:30 to 18:30, Saturday 8 to 15.
Sunday and Monday we're closed.
You'll find us at 7 Mill Lane, opposite the library.
A women's cut is 45 pounds, a men's cut is 28 pounds, and children under twelve pay 15.
Colouring starts at 60 pounds and takes about two hours.
We don't do perms any more.
Beard trims are 12 pounds and need no appointment.
Walk-ins are fine on weekdays before noon.
If you're more than fifteen minutes late we may have to rebook you.
We use organic, cruelty-free products by Green Root, and we sell them too.
Gift vouchers are available at the till and online.
There's a step at the door, but we have a ramp.
Students get ten percent off from Tuesday to Thursday.
We take cards and contactless only, sorry, no cash.
You can park in the multi-storey on Duke Street, two minutes away.
Our stylists are Mia, Jonas and Priya.
Ask for a name and a number before you book anything.
"""

HELD_OUT: list[tuple[str, str | None]] = [
    ("What time do you open on Thursday?", "Opening times"),
    ("Are you open Mondays?", "closed"),
    ("can I come on a saturday afternoon", "Opening times"),
    ("when do you close", "Opening times"),
    ("Where's the salon?", "Mill Lane"),
    ("what street are you on", "Mill Lane"),
    ("How much is a haircut for a man?", "men's cut"),
    ("what do you charge for a women's cut", "women's cut"),
    ("How much is it for my six year old?", "children"),
    ("What does it cost to get my hair dyed?", "Colouring"),
    ("how long does colouring take", "Colouring"),
    ("Do you do perms?", "perms"),
    ("Can you trim my beard?", "Beard"),
    ("Do I need an appointment for a beard trim?", "Beard"),
    ("Can I just walk in?", "Walk-ins"),
    ("I'm running late, is that a problem?", "late"),
    ("Which products do you use?", "organic"),
    ("Are your products vegan?", "organic"),
    ("Do you sell shampoo?", "sell them"),
    ("Do you have gift cards?", "vouchers"),
    ("Is the salon wheelchair accessible?", "ramp"),
    ("Do you have a student discount?", "Students"),
    ("Can I pay cash?", "no cash"),
    ("do you accept credit cards", "cards"),
    ("Where can I park?", "Duke Street"),
    ("Who will cut my hair?", "stylists"),
    ("Do you do nails?", None),
    ("Can you do my makeup for a wedding?", None),
    ("Do you have a loyalty program?", None),
    ("What's your Instagram?", None),
    ("Do you offer massages?", None),
    ("Is there a tanning bed?", None),
    ("How long have you been in business?", None),
    ("Do you take dogs?", None),
    ("Who is the prime minister?", None),
    ("Can you recommend a restaurant?", None),
    ("Do you have a toilet?", None),
    ("Do you do hair extensions?", None),
    ("What's the weather today?", None),
    ("Can I get a refund?", None),
]
